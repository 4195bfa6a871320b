import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { GatewayStatus } from '../../registry/domain/contract/gateway-report.ts'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import { createBell } from '../bell.ts'
import { createConfigureCare } from '../configure/care.ts'
import { openOrderedFiles } from '../configure/ordered-files.ts'
import { defaultTryTimes, watchTrial, type Trial, type TryTimes } from '../configure/trial.ts'
import { launchOf, launchTrouble } from '../launch/words.ts'
import { createProgramCare } from '../update/care.ts'
import { checkMachine } from './check-machine.ts'
import { createHealthKeeper } from './health-server.ts'
import { createLastGood, digestOf, type KeptSiteFile } from './last-good.ts'
import type { SitePlan } from './plan.ts'
import type { RunningSite, RunSiteOptions } from './run-site.ts'
import { createSecrets } from './secrets.ts'
import { createSiteFileChoice, type ChosenSiteFile } from './site-file-choice.ts'
import { parseSiteFile, type SiteFile, type SiteFileOptions } from './site-file.ts'
import { createSiteKeeper, type SiteKeeperOptions } from './site-keeper.ts'
import { whyNotWell } from './well.ts'

export interface RunSiteFileOptions extends Pick<SiteFileOptions, 'kinds'>, Omit<RunSiteOptions, 'plan' | 'secret' | 'log' | 'program' | 'configure' | 'siteFile'> {
  readonly file: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly openLog: SiteKeeperOptions['openLog']
  /** How often the file is looked at, 2 s unless told. */
  readonly pollMs?: number
  /** How long an ordered one is tried. */
  readonly tryTimes?: Partial<TryTimes>
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
export async function runSiteFile({ file, env, openLog, pollMs = 2_000, tryTimes, kinds, ...run }: RunSiteFileOptions): Promise<SiteFileRunner> {
  const folder = path.dirname(path.resolve(file))
  const secret = createSecrets(env, folder)
  const lastGood = createLastGood(env, file)
  const ordered = openOrderedFiles(env, file)
  const choice = createSiteFileChoice({ file, ordered, lastGood, onUnkept: (error) => { keeper.log()?.warn({ err: error }, 'what became of an ordered site file could not be noted') } })
  const launch = launchOf(env)
  const program = launch === null ? undefined : createProgramCare({ launch, env, siteFile: file, version: run.version })
  const stopping = new AbortController()
  /** Key of what was chosen last, whether it could be used or not. */
  let seen: string | undefined
  /** Known when the first start is over. */
  let plan!: SitePlan
  let inForce: InForce | null = null
  /** Whether that is another one than was chosen. */
  let former = false
  /** What this machine lacked for the chosen one when it could not be started with. */
  let lacked: string | null = null
  let trial: Trial | null = null
  let fail: (error: unknown) => void = () => {}
  const failed = new Promise<never>((_, reject) => { fail = reject })
  failed.catch(() => {})

  const parse = (text: string): Promise<SiteFile> => parseSiteFile(text, path.basename(file), { env, folder, ...(kinds && { kinds }) })
  const lacksOf = async (text: string): Promise<string[]> => (await checkMachine(await parse(text), secret)).map(({ message }) => message)
  const configure = createConfigureCare({
    ordered,
    now: () => ({ site: plan.site, gateway: plan.gateway, bufferFolder: plan.buffer.directory, siteFile: told(), connected: keeper.site()?.figures().uplink.connected ?? false, working: working() }),
    atPath: async () => {
      const text = await textOf(file)
      return text === undefined ? null : digestOf(text)
    },
    async check(text) {
      const { plan: next } = await parse(text)
      return { site: next.site, gateway: next.gateway, bufferFolder: next.buffer.directory, lacks: await lacksOf(text) }
    },
    lacksNow: async () => (inForce === null ? [] : lacksOf(inForce.text)),
    onTaken: () => { void inTurn(false).catch(() => {}) },
  })
  const keeper = createSiteKeeper({ run: { ...run, secret, program, configure, siteFile: () => told() ?? null }, openLog, onFailed: fail })

  function told(): GatewayStatus['siteFile'] {
    if (inForce === null) return undefined
    const { digest, version, from, trial: tried } = inForce
    const last = choice.last()
    return { digest, version, former, from, trial: tried, ...(last !== undefined && { last }) }
  }

  const working = () => keeper.site()?.status().connectors.filter(({ state }) => state === 'ok').map(({ id }) => id) ?? []

  async function startBy({ text, from, trial: tried }: Omit<ChosenSiteFile, 'key'>): Promise<void> {
    if (text === undefined) return refuse('not_found', unreadable(file), { file })
    plan = (await parse(text)).plan
    // Before it runs, since it reports at once.
    inForce = unkept({ text, from, trial: tried })
    await keeper.start(plan)
  }

  /** One that cannot be started with, for a secret that is gone, gives way to the last that could; an ordered one to the file at its path, too. */
  async function startFirst(): Promise<{ readonly chosen: ChosenSiteFile; readonly instead: string | null; readonly problem: string }> {
    const chosen = await choice.choose(undefined)
    seen = chosen.key
    try {
      await startBy(chosen)
      return { chosen, instead: null, problem: '' }
    } catch (error) {
      if (chosen.trial) {
        choice.rollBack(wordsOf(error))
        return startFirst()
      }
      const others = [await lastGood.read(), ...(chosen.from === 'order' ? [await textOf(file)] : [])]
      const other = others.find((text) => text !== undefined && text !== chosen.text)
      if (other === undefined || !(error instanceof DomainError)) throw error
      await startBy({ text: other, from: 'file', trial: false })
      return { chosen, instead: other, problem: error.message }
    }
  }

  if (launch) keeper.trouble('update', launchTrouble(launch))
  const first = await startFirst()
  const health = createHealthKeeper({
    site: () => keeper.site(), plan: () => plan, version: run.version, absence: () => keeper.noDisk(),
    tell: (problem) => {
      keeper.trouble('health', problem)
      if (problem === null) keeper.log()?.info({ url: health.url() }, 'health and metrics are told')
      else keeper.log()?.warn({ problem }, 'health is not told')
    },
  })
  await health.follow()
  if (first.instead === null) await settleOn(first.chosen)
  else {
    await keepGood(first.instead, 'file')
    await giveWay(first.problem, first.chosen.text)
  }

  /** What was chosen runs: it is in force, or has to show that it is well. */
  async function settleOn({ text, from, trial: tried }: Pick<ChosenSiteFile, 'text' | 'from' | 'trial'>): Promise<void> {
    if (text === undefined) return
    former = false
    lacked = null
    keeper.trouble('site-file', null)
    trial = tried ? watchTrial((forMs) => whyNotWell(keeper.site(), forMs, choice.before()), { ...defaultTryTimes, ...tryTimes }) : null
    if (tried) inForce = unkept({ text, from, trial: true })
    else await keepGood(text, from)
    keeper.trouble('ordered', choice.trouble())
  }

  async function keepGood(text: string, from: ChosenSiteFile['from']): Promise<void> {
    inForce = unkept({ text, from, trial: false })
    await lastGood.keep(text).then((kept) => { inForce = { ...kept, text, from, trial: false } }, (error: unknown) => { keeper.log()?.warn({ err: error }, 'the site file could not be kept for a start without a good one') })
  }

  /** What was chosen cannot be used: what ran before goes on. */
  async function giveWay(what: string, text: string | undefined): Promise<void> {
    former = true
    trial = null
    lacked = text === undefined ? null : await lacksOf(text).then((lacks) => lacks.join('\n'), () => null)
    keeper.trouble('site-file', `the site file cannot be used; the former one is in force: ${what.split('\n').slice(0, 3).join('; ')}`)
    keeper.trouble('ordered', choice.trouble())
    keeper.log()?.error({ problems: what.split('\n') }, 'the site file cannot be used; the former one stays in force')
  }

  /** A file without a mistake that could not be started with is tried again when this machine lacks something else than it did. */
  async function lacksOther(text: string | undefined): Promise<boolean> {
    if (lacked === null || text === undefined) return false
    return (await lacksOf(text)).join('\n') !== lacked
  }

  async function follow(force: boolean): Promise<void> {
    const chosen = await choice.choose(seen)
    const { text, trial: tried, key } = chosen
    if (!force && key === seen && !await lacksOther(text)) return decideTrial()
    seen = key
    const before = inForce
    try {
      if (text === undefined) return refuse('not_found', unreadable(file), { file })
      const { plan: next } = await parse(text)
      if (tried) inForce = unkept({ text, from: 'order', trial: true })
      const applied = await keeper.site()?.apply(next)
      if (!applied) await keeper.startAnew(next, plan)
      plan = next
      keeper.log()?.info({ sources: next.sources.map(({ id }) => id), from: chosen.from, tried }, applied ? 'the site file was read again' : 'the gateway was started anew with the new site file')
      await settleOn(chosen)
    } catch (error) {
      if (!keeper.site() && keeper.noDisk() === null) throw error
      inForce = before
      if (!tried) return giveWay(wordsOf(error), text)
      return goBack(wordsOf(error))
    }
  }

  async function decideTrial(): Promise<void> {
    const decided = trial?.look() ?? null
    if (decided === null || inForce === null) return
    if (!decided.well) return goBack(decided.why)
    choice.confirm()
    seen = `order ${inForce.digest}`
    keeper.log()?.info({ digest: inForce.digest }, 'the ordered site file is well: it is in force')
    await settleOn({ ...inForce, trial: false })
  }

  /** To what counts without that which was tried. */
  async function goBack(why: string): Promise<void> {
    keeper.log()?.error({ why }, 'the ordered site file is rolled back')
    trial = null
    choice.rollBack(why)
    await follow(false)
  }

  let turn: Promise<void> = Promise.resolve()
  function inTurn(force: boolean): Promise<void> {
    turn = turn.then(async () => {
      if (stopping.signal.aborted) return
      await follow(force)
      await keeper.retry(plan)
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
    choice.spare()
    await health.close()
    await keeper.stop()
  })()
  const ended = (async () => {
    try {
      await Promise.race([stopped, failed])
    } finally {
      stopping.abort()
      await stopped.catch(() => {})
      keeper.log()?.info('the gateway has stopped')
      await keeper.closeLog()
    }
  })()
  ended.catch(() => {})

  return {
    site: () => keeper.site(),
    plan: () => plan,
    healthUrl: () => health.url(),
    reload: async () => {
      await inTurn(true)
      await health.follow()
    },
    async pulse() {
      await turn
      await keeper.site()?.pulse()
    },
    ended,
    async stop() {
      stopping.abort()
      await ended
    },
  }
}

/** The site file in force. */
interface InForce extends KeptSiteFile {
  readonly text: string
  readonly from: ChosenSiteFile['from']
  readonly trial: boolean
}
const unkept = (of: Pick<InForce, 'text' | 'from' | 'trial'>): InForce => ({ digest: digestOf(of.text), version: null, ...of })

const unreadable = (file: string) => `the site file ${file} cannot be read; check the path and who may read it`
const textOf = (file: string) => readFile(file, 'utf8').catch(() => undefined)
const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
