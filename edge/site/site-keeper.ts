import type { Logger } from 'pino'
import { DomainError } from '../../registry/domain/errors.ts'
import type { SitePlan } from './plan.ts'
import { runSite, type RunningSite, type RunSiteOptions } from './run-site.ts'

export interface OpenLog {
  readonly log: Logger
  close(): Promise<void>
}

/** Keeps one gateway running, by one plan after the other, with the log that each asks for. */
export interface SiteKeeper {
  /** Undefined while it is started anew, and while its disk takes no writes. */
  site(): RunningSite | undefined
  /** Undefined before the first start. */
  log(): Logger | undefined
  /** Why there is none: its disk takes no writes. */
  noDisk(): string | null
  /** Stands in the status of whichever gateway runs, until it is taken back by null. */
  trouble(name: string, text: string | null): void
  /** A disk that takes no writes is no error: none runs then, until {@link retry} finds it mended. */
  start(plan: SitePlan): Promise<void>
  /** A start that fails goes back to what ran before, which took readings and goes on doing so, and rejects. */
  startAnew(next: SitePlan, former: SitePlan): Promise<void>
  /** Starts, when there is none for want of a disk. */
  retry(plan: SitePlan): Promise<void>
  stop(): Promise<void>
  /** Nothing more is logged. */
  closeLog(): Promise<void>
}

export interface SiteKeeperOptions {
  readonly run: Omit<RunSiteOptions, 'plan' | 'log'>
  /** The log a plan asks for; closed when another takes its place. */
  readonly openLog: (settings: SitePlan['log']) => OpenLog
  /** The gateway ended by an error of its own. */
  readonly onFailed: (error: unknown) => void
}

export function createSiteKeeper({ run, openLog, onFailed }: SiteKeeperOptions): SiteKeeper {
  let open: OpenLog | undefined
  let site: RunningSite | undefined
  let noDisk: string | null = null
  /** A gateway that is started anew does not know what was said to the one before. */
  const standing = new Map<string, string | null>()

  async function begin(plan: SitePlan): Promise<void> {
    await open?.close()
    open = openLog(plan.log)
    open.log.info({ site: plan.site, gateway: plan.gateway, version: run.version, sources: plan.sources.map(({ id }) => id) }, 'the gateway starts')
    await bringUp(plan, open.log)
  }

  async function bringUp(plan: SitePlan, log: Logger): Promise<void> {
    const started = await runSite({ ...run, plan, log })
    site = started
    for (const [name, text] of standing) started.trouble(name, text)
    noDisk = null
    started.ended.catch((error: unknown) => { if (site === started) onFailed(error) })
  }

  /** A buffer whose disk takes nothing is waited for: ending would say less, and mend nothing. */
  async function patiently(attempt: () => Promise<void>): Promise<void> {
    try {
      await attempt()
    } catch (error) {
      if (!(error instanceof DomainError) || error.details['disk'] !== true) throw error
      if (noDisk !== error.message) open?.log.error({ problem: error.message }, 'the gateway does not start: its disk takes no writes; it tries again')
      noDisk = error.message
    }
  }

  return {
    site: () => site,
    log: () => open?.log,
    noDisk: () => noDisk,
    trouble(name, text) {
      standing.set(name, text)
      site?.trouble(name, text)
    },
    start: (plan) => patiently(() => begin(plan)),
    async startAnew(next, former) {
      open?.log.info('more than the sources changed; the gateway starts anew')
      await site?.stop()
      site = undefined
      try {
        await begin(next)
      } catch (error) {
        open?.log.error({ err: error }, 'the gateway does not start with the new site file; it goes back to the former one')
        await patiently(() => begin(former))
        throw error
      }
    },
    async retry(plan) {
      if (noDisk === null || !open) return
      const { log } = open
      await patiently(() => bringUp(plan, log))
    },
    async stop() { await site?.stop() },
    async closeLog() { await open?.close() },
  }
}
