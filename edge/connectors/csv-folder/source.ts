import path from 'node:path'
import { DomainError } from '../../../registry/domain/errors.ts'
import { createBell } from '../../bell.ts'
import type { Outlet, Source, SourceHealth } from '../../source.ts'
import type { CsvLayout } from '../csv/map.ts'
import { checkCsvFile, type CsvChecked } from '../csv/plan.ts'
import { describeProblem } from '../csv/problem.ts'
import { replayCsv } from '../csv/replay.ts'
import type { ConnectorContext } from '../kind.ts'
import { namePattern, type CsvFolderConfig } from './config.ts'
import { startOf, type FilePosition } from './position.ts'
import { codeOf, createFolderWatch, moveInto, type Found } from './watch.ts'

/** Counts since start, by their names in health. */
export const newCounters = () => ({ looks: 0, files: 0, files_refused: 0, rows: 0, bad_rows: 0, readings: 0, moves_failed: 0 })

/** Files are checked before any of them is read, so that they come in the order of their first row; so many at once. */
const AT_ONCE = 50
const TOLD_ROWS = 10
/** How long a file must have been gone until it is forgotten: a share that is away for a while comes back with all of its files. */
const FORGET_AFTER_MS = 24 * 3_600_000
const SHOWN = 3

/** @param forgetAfterMs how long a file must have been gone until it is forgotten */
export function createCsvFolderSource(config: CsvFolderConfig, context: ConnectorContext, forgetAfterMs = FORGET_AFTER_MS): Source {
  const { id, map, log } = context
  const layout = layoutOf(config, context)
  const counters = newCounters()
  const watch = createFolderWatch(config.folder, namePattern(config.files), config.settledAfter)
  /** What is not looked at again until it changes: read to its end, or refused. */
  const settledWith = new Map<string, Pick<Found, 'bytes' | 'modifiedMs'>>()
  const refused = new Map<string, string>()
  /** Names whose positions are kept and that are not in the folder, with when that was seen first. */
  const gone = new Map<string, number>()
  let badRows: string | null = null
  let moving: string | null = null
  let waiting = 0
  let looked = false

  const prefix = `csv-folder/${id}/`
  const keyOf = (name: string) => prefix + name
  const isSame = (a: Pick<Found, 'bytes' | 'modifiedMs'> | undefined, b: Found) => a?.bytes === b.bytes && a.modifiedMs === b.modifiedMs

  async function look(outlet: Outlet, signal: AbortSignal): Promise<void> {
    const { settled, unsettled, all } = await watch.look(Date.now())
    counters.looks++
    await forgetGone(outlet, new Set(all))
    const names = new Set(settled.map(({ name }) => name))
    for (const known of [settledWith, refused]) for (const name of known.keys()) if (!names.has(name)) known.delete(name)
    const fresh: Found[] = []
    for (const file of settled) {
      const before = outlet.position(keyOf(file.name)) as FilePosition | undefined
      if (before?.done === true && isSame(before, file)) await finish(file)
      else if (!isSame(settledWith.get(file.name), file)) fresh.push(file)
    }
    waiting = fresh.length + unsettled
    looked = true
    for (let from = 0; from < fresh.length && !signal.aborted; from += AT_ONCE) await read(fresh.slice(from, from + AT_ONCE), outlet, signal)
    waiting = unsettled
  }

  /** What is kept of files would grow for ever. One that comes again after that is read again; what is the same is stored once. */
  async function forgetGone(outlet: Outlet, there: ReadonlySet<string>): Promise<void> {
    const nowMs = performance.now()
    const absent = outlet.positionKeys(prefix).map((key) => key.slice(prefix.length)).filter((name) => !there.has(name))
    for (const name of gone.keys()) if (!absent.includes(name)) gone.delete(name)
    for (const name of absent) if (!gone.has(name)) gone.set(name, nowMs)
    const over = [...gone].filter(([, sinceMs]) => nowMs - sinceMs >= forgetAfterMs).map(([name]) => keyOf(name))
    if (over.length > 0) await outlet.forget(over)
  }

  async function read(files: readonly Found[], outlet: Outlet, signal: AbortSignal): Promise<void> {
    const nowUs = context.nowUs()
    const checked: { readonly file: Found; readonly found: CsvChecked; readonly start: FilePosition }[] = []
    for (const file of files) {
      try {
        const before = outlet.position(keyOf(file.name)) as FilePosition | undefined
        const found = await checkCsvFile(file.path, layout, nowUs, undefined, signal, true, before?.bytes)
        checked.push({ file, found, start: await startOf(found.plan, before) })
        refused.delete(file.name)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof DomainError && error.code === 'not_found') continue
        refuseFile(file, error)
      }
    }
    checked.sort((a, b) => (a.found.plan.firstUs ?? 0) - (b.found.plan.firstUs ?? 0))
    const starts = new Map(checked.map(({ found, start }) => [found.plan, start]))
    try {
      await replayCsv({ layout, files: [...starts.keys()], nowUs, positionKey: ({ name }) => keyOf(name), startOf: (file) => starts.get(file), grow: true }, outlet, signal)
    } catch (error) {
      // Another file took its place while it was read; the next look finds that one.
      if (!(error instanceof DomainError) || error.code !== 'stale_state') throw error
      log.warn({ source: id, reason: error.message }, 'a file changed while it was read; it is looked at again')
    }
    for (const { file, found, start } of checked) {
      const now = outlet.position(keyOf(file.name)) as FilePosition | undefined
      if (now?.done !== true || now.digest !== found.plan.digest) continue
      if (start.done) settledWith.set(file.name, file)
      else tell(file, found, start, now)
      await finish(file)
    }
  }

  function tell(file: Found, { problems }: CsvChecked, start: FilePosition, now: FilePosition): void {
    const bad = now.skippedRows - start.skippedRows
    counters.files++
    counters.rows += now.rows - start.rows
    counters.readings += now.readings - start.readings
    counters.bad_rows += bad
    settledWith.set(file.name, file)
    const told = problems.slice(0, TOLD_ROWS).map(describeProblem)
    badRows = bad === 0 ? null : `${bad} of ${now.rows - start.rows} rows of ${file.name} were left out; ${told[0] ?? ''}`
    if (bad > 0) log.warn({ source: id, file: file.name, badRows: bad, problems: told }, 'rows that could not be read were left out')
    log.info({ source: id, file: file.name, rows: now.rows - start.rows, readings: now.readings - start.readings }, 'a file was read to its end')
  }

  function refuseFile(file: Found, error: unknown): void {
    const why = error instanceof Error ? error.message.split('\n').slice(0, 3).join('; ') : String(error)
    counters.files_refused++
    refused.set(file.name, why)
    settledWith.set(file.name, file)
    log.warn({ source: id, file: file.name, reason: why }, 'a file cannot be read')
  }

  /** Out of the way, where the site file wants it so; what was read stays remembered in either case. */
  async function finish(file: Found): Promise<void> {
    if (config.done === 'remember') return
    const target = path.resolve(config.folder, config.done.move)
    try {
      await moveInto(target, file)
      moving = null
    } catch (error) {
      counters.moves_failed++
      settledWith.set(file.name, file)
      moving = `${file.name} was read and cannot be moved to ${target} (${codeOf(error)}); let the gateway's user write there, on the same file system`
    }
  }

  return {
    id,
    mode: config.mode,
    time: 'device',
    waits: true,
    map,
    health(): SourceHealth {
      const names = [...refused].slice(0, SHOWN).map(([, why]) => why)
      const details = [...names, ...(refused.size > SHOWN ? [`and ${refused.size - SHOWN} more files`] : []), ...[badRows, moving].filter((text) => text !== null)]
      return { state: !looked ? 'starting' : details.length > 0 ? 'degraded' : 'ok', detail: details.length > 0 ? details.join('; ') : null, counters: { ...counters, files_waiting: waiting } }
    },
    async run(outlet, signal) {
      while (!signal.aborted) {
        await look(outlet, signal)
        outlet.connected()
        await createBell().wait(signal, config.lookEvery)
      }
    },
  }
}

/** The columns are the tags' addresses; one may feed several tags. */
function layoutOf(config: CsvFolderConfig, { tags }: ConnectorContext): CsvLayout {
  const { time, delimiter, decimal, encoding, ignore, columns } = config
  return { time, delimiter, decimal, encoding, ignore, tags: [...new Set(tags.map(({ address }) => address))].map((column) => ({ column, ...columns[column] })) }
}
