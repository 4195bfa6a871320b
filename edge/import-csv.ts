import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from 'pino'
import { canonicalDigest } from '../registry/domain/canonical.ts'
import { assetImportSchema, type AssetImport } from '../registry/domain/contract/hierarchy.ts'
import { slugSchema } from '../registry/domain/contract/primitives.ts'
import { counted } from '../registry/domain/counted.ts'
import { refuse } from '../registry/domain/errors.ts'
import { openLmdbBuffer } from './buffer/lmdb-buffer.ts'
import { parseCsvMap, type CsvMap } from './connectors/csv/map.ts'
import { checkCsvFile, type CsvFilePlan } from './connectors/csv/plan.ts'
import { describeProblem, type CsvProblem } from './connectors/csv/problem.ts'
import type { CsvPosition } from './connectors/csv/replay.ts'
import { createCsvSource, tagMapOf } from './connectors/csv/source.ts'
import { createGateway } from './gateway.ts'
import type { MqttAddress } from './mqtt-link.ts'
import { createNormaliser } from './normalise.ts'
import { beginStream } from './stream.ts'
import type { UplinkTuning } from './uplink.ts'

export interface ImportPlan {
  readonly map: CsvMap
  readonly mapDigest: string
  /** In the order in which they will be read: by their first row. */
  readonly files: readonly CsvFilePlan[]
  readonly rows: number
  readonly badRows: number
  readonly readings: number
  readonly firstUs: number | null
  readonly lastUs: number | null
  /** The first of them, at most 100 a file; `badRows` counts all. */
  readonly problems: readonly CsvProblem[]
  /** When the files were checked, by this machine's clock: rows beyond were bad. */
  readonly checkedUs: number
}

export interface PlanOptions {
  /** A map already read, or the path of its YAML file. */
  readonly map: CsvMap | string
  readonly files: readonly string[]
  /** Takes the place of the map's site and asset id: one map serves many machines alike. */
  readonly site?: string
  readonly asset?: string
  readonly onProgress?: (progress: ImportProgress) => void
  readonly nowUs?: number
  readonly signal?: AbortSignal
}

export interface ImportProgress {
  readonly phase: 'check' | 'read' | 'ship'
  readonly file: string | null
  /** Of all files together. */
  readonly bytesDone: number
  readonly bytesTotal: number
  readonly readings: number
  /** Of `readings`, those that the platform has. */
  readonly acknowledged: number
  /** Why nothing moves, when the broker cannot be reached. */
  readonly trouble?: string
}

export interface ImportOptions {
  readonly plan: ImportPlan
  /** Where imports keep their buffers; each site and asset gets a folder in it, so that imports of two assets may run at once. */
  readonly bufferRoot: string
  readonly gateway?: string
  readonly mqtt: MqttAddress
  readonly log: Logger
  /** Leave bad rows out; without it a single bad row keeps everything back. */
  readonly skipBadRows?: boolean
  readonly onProgress?: (progress: ImportProgress) => void
  readonly signal?: AbortSignal
  readonly uplink?: Partial<UplinkTuning>
}

export interface ImportReport {
  /** `already-imported`: every file was imported before; nothing was sent. `interrupted`: run it again to go on. */
  readonly status: 'imported' | 'already-imported' | 'interrupted'
  readonly files: readonly { name: string; rows: number; readings: number; skippedRows: number; before: boolean; done: boolean }[]
  /** Shipped by this run and acknowledged. */
  readonly readings: number
  readonly batches: number
  readonly quarantinedBatches: number
  readonly skippedRows: number
}

const importGateway = 'import'

/** More are counted than told. */
export const LISTED_PROBLEMS = 20

/** Reads a map file; refuses (`not_found`, `invalid`) with file, line and cure. */
export async function readCsvMap(file: string): Promise<CsvMap> {
  const text = await readFile(file, 'utf8').catch(() => refuse('not_found', `the map ${file} cannot be read; check the path`, { file }))
  return parseCsvMap(text, path.basename(file))
}

/**
 * Reads every file once, ships nothing: what would be imported, and every mistake. Bad rows are in the plan; what
 * makes a file unreadable (no such column, an empty file, an unknown unit) is refused.
 */
export async function planImport(options: PlanOptions): Promise<ImportPlan> {
  const { files, onProgress, signal, nowUs = Date.now() * 1000 } = options
  if (files.length === 0) refuse('invalid', 'no file was named; name at least one CSV file to import')
  const map = withOverrides(typeof options.map === 'string' ? await readCsvMap(options.map) : options.map, options)
  // Units are checked here, before a file of a gigabyte is read.
  createNormaliser(tagMapOf(map))
  const checked: CsvFilePlan[] = []
  const problems: CsvProblem[] = []
  let bytesBefore = 0
  for (const file of new Set(files.map((name) => path.resolve(name)))) {
    const found = await checkCsvFile(file, map, nowUs, (bytes, rows) => {
      onProgress?.({ phase: 'check', file: path.basename(file), bytesDone: bytesBefore + bytes, bytesTotal: 0, readings: rows * map.tags.length, acknowledged: 0 })
    }, signal)
    bytesBefore += found.plan.bytes
    problems.push(...found.problems)
    const twin = checked.find(({ digest }) => digest === found.plan.digest)
    if (twin) refuse('invalid', `${found.plan.name} and ${twin.name} have the same content; name the file once`)
    checked.push(found.plan)
  }
  checked.sort((a, b) => (a.firstUs ?? 0) - (b.firstUs ?? 0) || (a.name < b.name ? -1 : 1))
  const sum = (pick: (file: CsvFilePlan) => number) => checked.reduce((total, file) => total + pick(file), 0)
  const times = checked.flatMap(({ firstUs, lastUs }) => (firstUs === null || lastUs === null ? [] : [firstUs, lastUs]))
  return {
    map, mapDigest: canonicalDigest(map), files: checked, problems, checkedUs: nowUs,
    rows: sum(({ rows }) => rows), badRows: sum(({ badRows }) => badRows), readings: sum(({ readings }) => readings),
    firstUs: times.length > 0 ? Math.min(...times) : null, lastUs: times.length > 0 ? Math.max(...times) : null,
  }
}

/**
 * Imports what was planned as mode `backfill`; resolves when the platform has acknowledged all of it. Killed at any
 * moment and run again, it goes on where it was; run again after its end, it says so and sends nothing. Refuses
 * (`unprocessable`) a plan with bad rows before anything ships, unless told to skip them.
 */
export async function runImport(options: ImportOptions): Promise<ImportReport> {
  const { plan, log, mqtt, onProgress, skipBadRows = false, gateway = importGateway, signal = new AbortController().signal } = options
  if (!skipBadRows) demandGoodRows(plan)
  const { map } = plan
  const buffer = await openLmdbBuffer({ directory: path.join(options.bufferRoot, map.site.id, map.asset.id) })
  try {
    const keyOf = (file: CsvFilePlan) => `csv/${plan.mapDigest.slice(0, 16)}/${file.digest}`
    const positionOf = (file: CsvFilePlan) => buffer.position(keyOf(file)) as CsvPosition | undefined
    const before = new Map(plan.files.map((file) => [file, positionOf(file)]))
    const source = createCsvSource({
      id: 'csv', map, files: plan.files, nowUs: plan.checkedUs, positionKey: keyOf,
      onProgress: (file, bytesRead) => {
        const earlier = plan.files.slice(0, plan.files.indexOf(file)).reduce((sum, { bytes }) => sum + bytes, 0)
        report('read', file.name, earlier + bytesRead)
      },
    })
    const already = plan.files.every((file) => positionOf(file)?.done)
    if (already && buffer.stats().rawEntries + buffer.stats().batches === 0) return reportOf('already-imported')
    await beginStream(buffer, { site: map.site.id, gateway, sources: [source], key: canonicalDigest([plan.mapDigest, ...plan.files.map(({ digest }) => digest)]) })

    const bytesTotal = plan.files.reduce((sum, { bytes }) => sum + bytes, 0)
    const sent = { readings: 0, batches: 0, quarantined: 0 }
    let last: Pick<ImportProgress, 'phase' | 'file' | 'bytesDone'> = { phase: 'read', file: null, bytesDone: 0 }
    const report = (phase: ImportProgress['phase'], file: string | null, bytesDone: number) => {
      last = { phase, file, bytesDone }
      const { connected, lastError } = running.health().uplink
      onProgress?.({
        ...last, bytesTotal, readings: plan.readings, acknowledged: acknowledgedBefore + sent.readings,
        ...(!connected && lastError !== null && { trouble: lastError }),
      })
    }
    const acknowledgedBefore = readSoFar() - buffer.stats().rawRows - buffer.stats().batchRows
    const running = createGateway({
      site: map.site.id, gateway, buffer, sources: [source], mqtt, log,
      ...(options.uplink && { uplink: options.uplink }),
      onAcknowledged: (batch, { status }) => {
        sent.batches++
        sent.readings += batch.count
        if (status === 'quarantined') sent.quarantined++
        report('ship', null, bytesTotal)
      },
    })
    // Nothing else tells while the broker is away.
    const pulse = setInterval(() => { report(last.phase, last.file, last.bytesDone) }, 1_000)
    await running.run(signal).finally(() => { clearInterval(pulse) })
    return { ...reportOf(signal.aborted ? 'interrupted' : 'imported'), readings: sent.readings, batches: sent.batches, quarantinedBatches: sent.quarantined }

    function readSoFar(): number {
      return plan.files.reduce((sum, file) => sum + (positionOf(file)?.readings ?? 0), 0)
    }
    function reportOf(status: ImportReport['status']): ImportReport {
      const files = plan.files.map((file) => {
        const position = positionOf(file)
        return {
          name: file.name, rows: position?.rows ?? 0, readings: position?.readings ?? 0, skippedRows: position?.skippedRows ?? 0,
          before: before.get(file)?.done ?? false, done: position?.done ?? false,
        }
      })
      return { status, files, readings: 0, batches: 0, quarantinedBatches: 0, skippedRows: files.reduce((sum, { skippedRows }) => sum + skippedRows, 0) }
    }
  } finally {
    await buffer.close()
  }
}

/** The site, asset and tags a map speaks of, as a document to register before the readings come. */
export function assetImportFromMap(map: CsvMap, gateway: string = importGateway): AssetImport {
  const { id, name, area, line, validFrom, ...classes } = map.asset
  return assetImportSchema.parse({
    site: { ...map.site, kind: 'plant' },
    areas: [{ id: area, name: area }],
    lines: [{ id: line, area, name: line }],
    assets: [{ id, name, class: classes.class, family: classes.family, line, validFrom }],
    tags: map.tags.map((tag) => ({
      asset: id, name: tag.tag, role: tag.role, kind: 'scalar', unit: tag.unit, canonicalUnit: tag.canonicalUnit ?? tag.unit,
      range: tag.range ?? null, validFrom,
      provenance: { device: 'csv', gateway, address: tag.column, samplingHz: map.sampling ? 1 / map.sampling.everySeconds : null },
    })),
  })
}

function withOverrides(map: CsvMap, { site, asset }: Pick<PlanOptions, 'site' | 'asset'>): CsvMap {
  for (const [what, id] of [['site', site], ['asset', asset]] as const) {
    const checked = id === undefined ? undefined : slugSchema.safeParse(id)
    if (checked?.success === false) refuse('invalid', `${what} "${id}": ${checked.error.issues[0]?.message ?? 'is no id'}`)
  }
  return {
    ...map,
    site: site === undefined || site === map.site.id ? map.site : { ...map.site, id: site },
    asset: asset === undefined || asset === map.asset.id ? map.asset : { ...map.asset, id: asset, name: asset },
  }
}

/** Refuses (`unprocessable`) a plan with bad rows, listing the first of them; whoever registers first asks this before. */
export function demandGoodRows(plan: ImportPlan): void {
  if (plan.badRows === 0) return
  const listed = plan.problems.slice(0, LISTED_PROBLEMS).map(describeProblem)
  const more = plan.problems.length > listed.length ? ['…'] : []
  refuse('unprocessable', [
    ...listed, ...more,
    `${counted(plan.badRows, 'bad row')} of ${plan.rows}; nothing was imported. Correct ${plan.badRows === 1 ? 'it' : 'them'}, or leave ${plan.badRows === 1 ? 'it' : 'them'} out with --skip-bad-rows.`,
  ].join('\n'), { badRows: plan.badRows, rows: plan.rows, problems: plan.problems })
}
