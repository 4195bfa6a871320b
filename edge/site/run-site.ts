import type { Logger } from 'pino'
import type { GatewayStatus } from '../../registry/domain/contract/gateway-report.ts'
import { DomainError } from '../../registry/domain/errors.ts'
import type { AlarmBook } from '../alarms/alarm-book.ts'
import { untilAborted } from '../bell.ts'
import { openLmdbBuffer } from '../buffer/lmdb-buffer.ts'
import { createGatewayClock, type ClockSources } from '../clock.ts'
import type { SecretReader } from '../connectors/kind.ts'
import { defaultCutLimits, type CutLimits } from '../cut-limits.ts'
import { createCutter } from '../cutter.ts'
import { createDiskWatch } from '../disk-watch.ts'
import { createGapBook } from '../gap-book.ts'
import { createRecaller } from '../recall.ts'
import { createRawReader } from '../raw-reader.ts'
import { createRoomKeeper } from '../room-keeper.ts'
import { createBundleStore } from '../judge/bundle-store.ts'
import type { ConfigureCare } from '../configure/care.ts'
import type { ProgramCare } from '../update/care.ts'
import type { UplinkStatus, UplinkTuning } from '../uplink.ts'
import { createSiteAlarms, openAlarmOutputs } from './alarms.ts'
import { createSiteIdentity } from './identity.ts'
import { care } from './care.ts'
import { createExportDesk, type ExportDesk } from './export-desk.ts'
import { createFormerRun } from './former-run.ts'
import { createLiveValues, EVERY_MS, type LiveValue } from './live-values.ts'
import { createSiteJudging, judgeFolder, type MachineJudgement } from './judging.ts'
import { createNotes } from './notes.ts'
import { createPlatformSide } from './platform-side.ts'
import type { SitePlan } from './plan.ts'
import { createSiteSources } from './sources.ts'
import { statusOf, type Troubles } from './status.ts'

export interface RunSiteOptions {
  readonly plan: SitePlan
  readonly secret: SecretReader
  readonly version: string
  readonly log: Logger
  /** The clocks of the machine; a test gives its own. */
  readonly clocks?: ClockSources
  readonly cut?: Partial<CutLimits>
  readonly uplink?: Partial<UplinkTuning>
  readonly reportEveryMs?: number
  /** How often it is looked whether the certificate is to be renewed. */
  readonly identityEveryMs?: number
  /** Absent where no launcher started the gateway. */
  readonly program?: ProgramCare | undefined
  /** Absent where no site file is followed. */
  readonly configure?: ConfigureCare
  /** The site file in force, where there is one. */
  readonly siteFile?: () => GatewayStatus['siteFile'] | null
}

/** A gateway that runs by a site file until it is stopped. */
export interface RunningSite {
  status(): GatewayStatus
  figures(): SiteFigures
  readonly exports: ExportDesk
  /** The newest value of every scalar tag, and its last minutes. */
  values(): LiveValue[]
  /** Alarms by the gateway's own rules. */
  readonly alarms: Pick<AlarmBook, 'list' | 'acknowledge'>
  /** Machines that a release judges here. */
  judged(): MachineJudgement[]
  /** Resolves when the buffer has answered: it took a write, or said why it cannot. */
  pulse(): Promise<void>
  /**
   * Puts another plan in force: sources that changed are restarted, the others do not notice. False when more than its
   * sources changed: then the gateway has to be started anew with it.
   */
  apply(plan: SitePlan): Promise<boolean>
  /** Something the status must show until it is mended (a site file that cannot be used). */
  trouble(name: string, text: string | null): void
  /** Resolves when it has been stopped; rejects when it cannot go on (the buffer was taken over). */
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** Beside the status, for who watches the gateway on its own machine. */
export interface SiteFigures {
  readonly nowUs: number
  readonly uplink: UplinkStatus
  /** When the platform acknowledged something last, by the gateway's clock; null when it has not since the start. */
  readonly lastAcknowledgedUs: number | null
  readonly gapsOpen: number
  readonly alarmsStanding: number
  /** How long the certificate is good by the platform's clock; null without one, and before that is known. */
  readonly certificateSeconds: number | null
  /** Readings reach the disk. */
  readonly keeping: boolean
}

const TICK_MS = 1_000
const CARE_EVERY_TICKS = 60
const ALIVE_EVERY_TICKS = 10

/** Opens the buffer and starts everything; what a former run left in the buffer ships first. */
export async function runSite({ plan: first, secret, version, log, clocks = machineClocks, cut, uplink: tuning, reportEveryMs, identityEveryMs, program, configure, siteFile }: RunSiteOptions): Promise<RunningSite> {
  let plan = first
  const { site, gateway, platform: { url, username, password } } = plan
  const clock = createGatewayClock(clocks)
  // Before anything is opened: a secret that is missing ends the start.
  const identity = createSiteIdentity({
    plan, secret, clock, log, onProblem: (problem) => { note('identity', problem) }, redial: () => { platform.uplink.redial() }, ...(identityEveryMs !== undefined && { everyMs: identityEveryMs }),
  })
  const shown = identity ? { dial: identity.dial } : { ...(username !== null && { username }), ...(password !== null && { password: secret(password) }) }
  const outputs = openAlarmOutputs(plan, secret)
  const buffer = await openLmdbBuffer({ directory: plan.buffer.directory, capBytes: plan.buffer.capBytes, archiveBytes: plan.buffer.keepRaw?.bytes ?? 0 })
  const nowUs = () => clock.nowUs()
  const gaps = createGapBook(buffer)
  const limits = { ...defaultCutLimits, ...cut }
  let fail: (error: unknown) => void = () => {}
  const broken = new Promise<never>((_, reject) => { fail = reject })
  broken.catch(() => {})
  const troubles: Troubles = new Map()
  const notes = createNotes({ gaps, troubles, nowUs, log })
  const counts = { flagged: 0, duplicates: 0 }
  const values = createLiveValues()
  const all = new AbortController()
  const { signal } = all
  const persist = createDiskWatch({ onChange: (problem) => { notes.disk(problem) } })

  const alarms = createSiteAlarms({ plan, buffer, outputs, troubles, nowUs, log, write: (id, address, value) => sources.write(id, address, value), onChange: () => { platform.hurry() } })

  const activeSources = () => sources.active()
  const reader = createRawReader(buffer)
  const recaller = createRecaller({ buffer, reader, site, gateway, limits, nowUs, persist, keepsRaw: plan.buffer.keepRaw !== null })
  const cutter = createCutter({
    buffer, reader, site, gateway, limits, nowUs, gaps, recaller, persist, order: plan.outage, sources: activeSources,
    onFlagged: ({ flagged, duplicates }) => {
      counts.flagged += flagged
      counts.duplicates += duplicates
    },
    onNewer: (rows) => {
      if (!troubles.has('newer')) log.error({ rows }, 'readings wait that a newer gateway took; this one keeps them')
      troubles.set('newer', `${rows} readings in the buffer were taken by a newer gateway; this one keeps them, and cannot ship them. Deploy the newer one again`)
    },
  })
  const room = createRoomKeeper({ buffer, reader, policy: plan.buffer.whenFull, gaps, inHand: (id) => cutter.inHand(id) })
  const status = statusOf({ buffer, clock, running: () => sources.list(), troubles, uplink: () => platform.uplink.status(), counts, directory: plan.buffer.directory, alone: url === null, ...(program && { program: () => program.status() }), ...(siteFile && { siteFile }) })
  const bundles = createBundleStore(judgeFolder(plan.buffer.directory))
  const judging = createSiteJudging({
    plan: () => plan, buffer, store: bundles, reader, sources: activeSources, book: alarms.book, troubles, nowUs, node: process.version, log, onChange: () => { platform.hurry() },
  })
  const platform = createPlatformSide({
    plan: () => plan, version, buffer, clock, nowUs, gaps, persist, recaller, bundles, judging, alarms, notes, status, program, configure, renew: identity ? (until) => identity.renewNow(until) : undefined, shown, log, signal,
    ...(tuning && { tuning }), ...(reportEveryMs !== undefined && { reportEveryMs }),
    onRefused: (problem) => { note('refused', problem === null ? null : `the platform takes nothing, or not all: ${problem}`) },
  })

  const former = createFormerRun({ buffer, gaps, troubles, nowUs, log, directory: plan.buffer.directory, persist: (write) => persist(write, signal) })

  const sources = createSiteSources({
    plan, buffer, clock, gaps, limits, persist, room, notes, former, values, alarms, judging, secret, log, nowUs, fail: (error) => { fail(error) },
  })

  function note(name: string, text: string | null): void {
    if (text === null) troubles.delete(name)
    else troubles.set(name, text)
  }

  async function startAll(): Promise<void> {
    try {
      former.noteDamage().catch((error: unknown) => { if (!signal.aborted) fail(error) })
      await former.noteAbsence()
      sources.start()
    } catch (error) {
      await sources.stop()
      await buffer.close()
      throw error
    }
  }

  let ticks = 0
  const tick = () => {
    const jump = clock.tick()
    if (jump) notes.clock(jump)
    sources.tick()
    if (ticks % (EVERY_MS / TICK_MS) === 0) values.tick()
    if (ticks % CARE_EVERY_TICKS === 0) void care(buffer, room, plan, nowUs(), log)
    if (ticks % ALIVE_EVERY_TICKS === 0) void former.alive()
    ticks++
  }

  await startAll()
  const timer = setInterval(tick, TICK_MS)
  const parts = [...(identity ? [identity.run(signal)] : []), platform.run(signal), cutter.run(signal), alarms.run(signal), judging.run(signal)]
  const failed = Promise.race([broken, ...parts.map((part) => part.then(() => new Promise<never>(() => {})))])
  const ended = (async () => {
    try {
      await untilAborted(signal, failed)
    } finally {
      all.abort()
      clearInterval(timer)
      await sources.stop()
      await Promise.allSettled(parts)
      await former.alive()
      await buffer.close()
    }
  })()
  // Whoever awaits `ended` hears of a failure; nobody need.
  ended.catch(() => {})

  return {
    status,
    figures: () => ({ nowUs: nowUs(), uplink: platform.uplink.status(), lastAcknowledgedUs: platform.lastAcknowledgedUs(), gapsOpen: gaps.ongoing().length, alarmsStanding: alarms.book.standingAll().length, certificateSeconds: identity?.secondsLeft() ?? null, keeping: !troubles.has('disk') }),
    values: () => values.list(),
    exports: createExportDesk({ buffer, reader, alarms: alarms.book, directory: plan.buffer.directory }),
    alarms: alarms.book,
    judged: () => judging.machines(),
    pulse: () => buffer.write([{ store: 'facts', key: 'pulse', value: nowUs() }]).catch((error: unknown) => {
      // A disk that takes nothing is told in the status; starting anew would not mend it.
      if (!(error instanceof DomainError) || error.code !== 'unavailable') throw error
    }),
    trouble: note,
    async apply(next) {
      if (!sameGateway(plan, next)) return false
      await sources.exchange(next)
      plan = next
      judging.look()
      platform.hurry()
      return true
    },
    ended,
    async stop() {
      all.abort()
      await ended
    },
  }
}

const machineClocks: ClockSources = { systemUs: () => Date.now() * 1000, evenUs: () => performance.now() * 1000 }

/** Everything but the sources. */
function sameGateway(a: SitePlan, b: SitePlan): boolean {
  const rest = ({ sources: _sources, ...plan }: SitePlan) => JSON.stringify(plan)
  return rest(a) === rest(b)
}

