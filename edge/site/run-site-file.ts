import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from 'pino'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import { createBell } from '../bell.ts'
import { launchOf, launchTrouble } from '../launch/words.ts'
import { createProgramCare } from '../update/care.ts'
import { createHealthKeeper } from './health-server.ts'
import { createLastGood, digestOf, type KeptSiteFile } from './last-good.ts'
import type { SitePlan } from './plan.ts'
import { runSite, type RunningSite, type RunSiteOptions } from './run-site.ts'
import { createSecrets } from './secrets.ts'
import { parseSiteFile, type SiteFile, type SiteFileOptions } from './site-file.ts'

export interface RunSiteFileOptions extends Pick<SiteFileOptions, 'kinds'>, Omit<RunSiteOptions, 'plan' | 'secret' | 'log' | 'program' | 'siteFile'> {
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The log a plan asks for; closed when another takes its place. */
  readonly openLog: (settings: SitePlan['log']) => OpenLog
  /** How often the file is looked at, 2 s unless told. */
  readonly pollMs?: number
}

export interface OpenLog {
  readonly log: Logger
  close(): Promise<void>
}

/** A gateway that follows its site file until it is stopped. */
export interface SiteFileRunner {
  /** The gateway as it runs now; undefined while it is started anew. */
  site(): RunningSite | undefined
  plan(): SitePlan
  /** Where health and metrics are told; undefined when nowhere. */
  healthUrl(): string | undefined
  /** Looks at the file now, changed or not. */
  reload(): Promise<void>
  /** As of a running site; waits for one that is being started. */
  pulse(): Promise<void>
  /** Resolves when it has been stopped; rejects when it cannot go on. */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/**
 * Runs a gateway by its site file, and by each later state of it that has no mistake: one with mistakes changes nothing
 * but status and log. Sources are exchanged while the others run; what else changes takes a start in this process.
 * Rejects (`invalid`, `not_found`) when the first state cannot be used, unless a former start under systemd kept a good one.
 */
export async function runSiteFile({ file, env, openLog, pollMs = 2_000, kinds, ...run }: RunSiteFileOptions): Promise<SiteFileRunner> {
  const folder = path.dirname(path.resolve(file))
  const secret = createSecrets(env, folder)
  const lastGood = createLastGood(env, file)
  const launch = launchOf(env)
  const program = launch === null ? undefined : createProgramCare({ launch, env, siteFile: file, version: run.version })
  const stopping = new AbortController()
  let seen: string | undefined
  let log: OpenLog | undefined
  let site: RunningSite | undefined
  /** Why there is none: its disk takes no writes. */
  let noDisk: string | null = null
  /** The site file in force. */
  let inForce: KeptSiteFile | null = null
  /** Whether that is another one than lies there now. */
  let former = false
  let fail: (error: unknown) => void = () => {}
  const failed = new Promise<never>((_, reject) => { fail = reject })
  failed.catch(() => {})

  const parse = (text: string): Promise<SiteFile> => parseSiteFile(text, path.basename(file), { env, folder, ...(kinds && { kinds }) })

  async function start(plan: SitePlan): Promise<void> {
    await log?.close()
    log = openLog(plan.log)
    log.log.info({ site: plan.site, gateway: plan.gateway, version: run.version, sources: plan.sources.map(({ id }) => id) }, 'the gateway starts')
    await open(plan, log.log)
  }

  async function open(plan: SitePlan, to: Logger): Promise<void> {
    const started = await runSite({ ...run, plan, secret, log: to, program, siteFile: () => inForce && { ...inForce, former } })
    site = started
    if (launch) started.trouble('update', launchTrouble(launch))
    noDisk = null
    started.ended.catch((error: unknown) => { if (site === started) fail(error) })
  }

  /** A buffer whose disk takes nothing is waited for: ending would say less, and mend nothing. */
  async function patiently(begin: () => Promise<void>): Promise<void> {
    try {
      await begin()
    } catch (error) {
      if (!(error instanceof DomainError) || error.details['disk'] !== true) throw error
      if (noDisk !== error.message) log?.log.error({ problem: error.message }, 'the gateway does not start: its disk takes no writes; it tries again')
      noDisk = error.message
    }
  }

  async function readFirst(): Promise<{ plan: SitePlan; good: string; problem: string | null }> {
    const text = await textOf(file)
    seen = seenOf(text)
    try {
      if (text === undefined) return refuse('not_found', unreadable(file), { file })
      return { plan: (await parse(text)).plan, good: text, problem: null }
    } catch (error) {
      const kept = await lastGood.read()
      if (kept === undefined || !(error instanceof DomainError)) throw error
      return { plan: (await parse(kept)).plan, good: kept, problem: error.message }
    }
  }

  /** One that has no mistake and cannot be started with, for a secret that is gone, gives way to the last that could. */
  async function startFirst(): Promise<{ plan: SitePlan; good: string; problem: string | null }> {
    const first = await readFirst()
    try {
      await patiently(() => start(first.plan))
      return first
    } catch (error) {
      const kept = await lastGood.read()
      if (kept === undefined || kept === first.good || !(error instanceof DomainError)) throw error
      const { plan: before } = await parse(kept)
      await patiently(() => start(before))
      return { plan: before, good: kept, problem: error.message }
    }
  }

  const first = await startFirst()
  let { plan } = first
  const health = createHealthKeeper({
    site: () => site, plan: () => plan, version: run.version, absence: () => noDisk,
    tell: (problem) => {
      site?.trouble('health', problem)
      if (problem === null) log?.log.info({ url: health.url() }, 'health and metrics are told')
      else log?.log.warn({ problem }, 'health is not told')
    },
  })
  await health.follow()
  await keepGood(first.good)
  if (first.problem !== null) tell(first.problem)

  async function keepGood(text: string): Promise<void> {
    inForce = { digest: digestOf(text), version: null }
    await lastGood.keep(text).then((kept) => { inForce = kept }, (error: unknown) => { log?.log.warn({ err: error }, 'the site file could not be kept for a start without a good one') })
  }

  function tell(what: string | null): void {
    former = what !== null
    site?.trouble('site-file', what === null ? null : `the site file cannot be used; the former one is in force: ${what.split('\n').slice(0, 3).join('; ')}`)
    if (what !== null) log?.log.error({ problems: what.split('\n') }, 'the site file cannot be used; the former one stays in force')
  }

  /** A start that fails goes back to what ran before: it took readings, and goes on doing so. */
  async function startAnew(next: SitePlan): Promise<void> {
    log?.log.info('more than the sources changed; the gateway starts anew')
    await site?.stop()
    site = undefined
    try {
      await start(next)
    } catch (error) {
      log?.log.error({ err: error }, 'the gateway does not start with the new site file; it goes back to the former one')
      await patiently(() => start(plan))
      throw error
    }
  }

  async function follow(force: boolean): Promise<void> {
    const text = await textOf(file)
    const digest = seenOf(text)
    if (!force && digest === seen) return
    seen = digest
    try {
      if (text === undefined) refuse('not_found', unreadable(file), { file })
      const { plan: next } = await parse(text)
      const applied = await site?.apply(next)
      if (!applied) await startAnew(next)
      plan = next
      log?.log.info({ sources: next.sources.map(({ id }) => id) }, applied ? 'the site file was read again' : 'the gateway was started anew with the new site file')
      tell(null)
      await keepGood(text)
    } catch (error) {
      if (!site && noDisk === null) throw error
      tell(error instanceof Error ? error.message : String(error))
    }
  }

  let turn: Promise<void> = Promise.resolve()
  const inTurn = (force: boolean): Promise<void> => {
    turn = turn.then(async () => {
      if (stopping.signal.aborted) return
      await follow(force)
      if (noDisk !== null && log) await patiently(open.bind(null, plan, log.log))
    })
    turn.catch(fail)
    return turn
  }
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await createBell().wait(stopping.signal, pollMs)
      await inTurn(false).catch(() => {})
      await health.follow()
    }
  })()
  const stopped = (async () => {
    await createBell().wait(stopping.signal)
    await watching
    await turn.catch(() => {})
    await health.close()
    await site?.stop()
  })()
  const ended = Promise.race([stopped, failed]).finally(async () => {
    stopping.abort()
    await stopped.catch(() => {})
    log?.log.info('the gateway has stopped')
    await log?.close()
  })
  ended.catch(() => {})

  return {
    site: () => site,
    plan: () => plan,
    healthUrl: () => health.url(),
    reload: async () => {
      await inTurn(true)
      await health.follow()
    },
    async pulse() {
      await turn
      await site?.pulse()
    },
    ended,
    async stop() {
      stopping.abort()
      await ended
    },
  }
}

const unreadable = (file: string) => `the site file ${file} cannot be read; check the path and who may read it`
const textOf = (file: string) => readFile(file, 'utf8').catch(() => undefined)
const seenOf = (text: string | undefined) => (text === undefined ? 'none' : digestOf(text))
