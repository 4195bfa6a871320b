import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Logger } from 'pino'
import type { GatewayStatus } from '../../registry/domain/contract/gateway-report.ts'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import type { AlarmBook } from '../alarms/alarm-book.ts'
import type { QueuedBatch } from '../buffer/buffer.ts'
import { untilAborted } from '../bell.ts'
import { openLmdbBuffer } from '../buffer/lmdb-buffer.ts'
import { createGatewayClock, type ClockSources } from '../clock.ts'
import type { ConnectorContext, ConnectorKind, SecretReader } from '../connectors/kind.ts'
import { defaultCutLimits, type CutLimits } from '../cut-limits.ts'
import { createCutter } from '../cutter.ts'
import { createDiskWatch } from '../disk-watch.ts'
import { createGapBook } from '../gap-book.ts'
import { createLiveSource, type LiveSource } from '../live-source.ts'
import { createOutlet } from '../outlet.ts'
import type { Outlet, Source } from '../source.ts'
import { createPresence, type Presence } from '../presence.ts'
import { createRecaller } from '../recall.ts'
import { createRawReader } from '../raw-reader.ts'
import { createReporter } from '../reporter.ts'
import { createRoomKeeper } from '../room-keeper.ts'
import { tagMapDigest } from '../tag-map.ts'
import { createOrders } from '../orders.ts'
import { createFileFetcher } from '../file-fetcher.ts'
import { createBundleStore } from '../judge/bundle-store.ts'
import { both } from '../link-users.ts'
import type { ProgramCare } from '../update/care.ts'
import { createNoUplink } from '../no-uplink.ts'
import { createUplink, type UplinkStatus, type UplinkTuning } from '../uplink.ts'
import { createSiteAlarms, openAlarmOutputs, PLATFORM } from './alarms.ts'
import { createSiteIdentity } from './identity.ts'
import { care } from './care.ts'
import { createExportDesk, type ExportDesk } from './export-desk.ts'
import { createFormerRun } from './former-run.ts'
import { createLiveValues, EVERY_MS, type LiveValue } from './live-values.ts'
import { createSiteJudging, judgeFolder, placeOf, type MachineJudgement } from './judging.ts'
import { createNotes, doubtTimes } from './notes.ts'
import { orderBook } from './order-book.ts'
import type { SitePlan, SourcePlan } from './plan.ts'
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

/** One source at work. */
interface Running {
  readonly plan: SourcePlan
  readonly source: Source
  readonly live: LiveSource
  readonly presence: Presence
  stop(): Promise<void>
}

const TICK_MS = 1_000
const CARE_EVERY_TICKS = 60
const ALIVE_EVERY_TICKS = 10

/** Opens the buffer and starts everything; what a former run left in the buffer ships first. */
export async function runSite({ plan: first, secret, version, log, clocks = machineClocks, cut, uplink: tuning, reportEveryMs, identityEveryMs, program, siteFile }: RunSiteOptions): Promise<RunningSite> {
  let plan = first
  const { site, gateway } = plan
  const { url, username, password } = plan.platform
  const clock = createGatewayClock(clocks)
  // Before anything is opened: a secret that is missing ends the start.
  const identity = createSiteIdentity({
    plan, secret, clock, log, onProblem: (problem) => { note('identity', problem) }, redial: () => { uplink.redial() }, ...(identityEveryMs !== undefined && { everyMs: identityEveryMs }),
  })
  const shown = identity ? { dial: identity.dial } : { ...(username !== null && { username }), ...(password !== null && { password: secret(password) }) }
  const outputs = openAlarmOutputs(plan, secret)
  const buffer = await openLmdbBuffer({ directory: plan.buffer.directory, capBytes: plan.buffer.capBytes, archiveBytes: plan.buffer.keepRaw?.bytes ?? 0 })
  const nowUs = () => clock.nowUs()
  const gaps = createGapBook(buffer)
  const limits = { ...defaultCutLimits, ...cut }
  const running = new Map<string, Running>()
  let fail: (error: unknown) => void = () => {}
  const broken = new Promise<never>((_, reject) => { fail = reject })
  broken.catch(() => {})
  const troubles: Troubles = new Map()
  const notes = createNotes({ gaps, troubles, nowUs, log })
  const counts = { flagged: 0, duplicates: 0 }
  const values = createLiveValues()
  let lastAcknowledgedUs: number | null = null
  const all = new AbortController()
  const { signal } = all
  const persist = createDiskWatch({ onChange: (problem) => { notes.disk(problem) } })

  const alarms = createSiteAlarms({ plan, buffer, outputs, troubles, nowUs, log, write: writeTo, onChange: () => { reporter.hurry() } })

  const activeSources = () => [...running.values()].map(({ source, presence }) => ({ id: source.id, mode: source.mode, silent: presence.allSilent(nowUs()) }))
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
  const uplinkStatus = () => uplink.status()
  const status = statusOf({ buffer, clock, running: () => running.values(), troubles, uplink: uplinkStatus, counts, directory: plan.buffer.directory, alone: url === null, ...(program && { program: () => program.status() }), ...(siteFile && { siteFile }) })
  const bundles = createBundleStore(judgeFolder(plan.buffer.directory))
  const judging = createSiteJudging({
    plan: () => plan, buffer, store: bundles, reader, sources: activeSources, book: alarms.book, troubles, nowUs, node: process.version, log, onChange: () => { reporter.hurry() },
  })
  const files = createFileFetcher({ site, gateway })
  const orders = createOrders({
    carryOut: orderBook({ fetch: (file) => files.fetch(file, signal), bundles, place: () => placeOf(plan), judging, alarms: alarms.book, program, bufferFolder: plan.buffer.directory }),
    onEnd: () => { reporter.hurry() },
    onTrouble: (error, { id, kind }) => { if (!signal.aborted) log.warn({ err: error, order: id, kind }, 'an order could not be carried out; it is tried again') },
  })
  const reporter = createReporter({
    site, gateway, version, buffer, gaps, recaller, orders, judging, clock, status, log,
    alarms: { untold: (limit) => alarms.book.untold(PLATFORM, limit), confirm: (kept) => alarms.book.confirm(PLATFORM, kept) },
    ...(reportEveryMs !== undefined && { everyMs: reportEveryMs }),
    onClock: (jump) => { notes.clock(jump) },
    onRefused: (problem) => { note('refused', problem === null ? null : `the platform takes nothing, or not all: ${problem}`) },
  })
  const uplink = url === null ? createNoUplink({ buffer, gaps, persist, nowUs }) : createUplink({
    buffer, site, gateway, log, beside: both(reporter, files), mqtt: { url, ...shown }, persist,
    ...(tuning && { tuning }), ...(plan.bandwidth !== null && { bytesPerSec: plan.bandwidth }),
    onAcknowledged: (batch, { status: outcome, code }) => {
      lastAcknowledgedUs = nowUs()
      if (outcome !== 'quarantined') return
      return gaps.note([{ cause: 'quarantined', ...spanOf(batch, nowUs()), lost: batch.count, detail: `the platform set batch ${batch.epoch}/${batch.sequence} aside: ${code ?? 'no reason given'}` }])
    },
    onDamaged: (batch) => gaps.note([{ cause: 'damaged', ...spanOf(batch, nowUs()), lost: batch.count, detail: 'a batch could not be read back from the disk; check the disk' }]),
  })

  const former = createFormerRun({ buffer, gaps, troubles, nowUs, log, directory: plan.buffer.directory, persist: (write) => persist(write, signal) })

  function note(name: string, text: string | null): void {
    if (text === null) troubles.delete(name)
    else troubles.set(name, text)
  }

  async function writeTo(id: string, address: string, value: number): Promise<void> {
    // Asked each time: the file that is in force may have taken the permission back.
    const allowed = plan.sources.find((source) => source.id === id)?.writable.includes(address) === true
    const { source } = running.get(id) ?? {}
    if (!allowed || !source?.write) return refuse('unavailable', `${id} lets ${address} not be written now`)
    await source.write(address, value)
  }

  function start(sourcePlan: SourcePlan): void {
    const { id, kind, config, map, tags } = sourcePlan
    const directory = path.join(plan.buffer.directory, 'connectors', id)
    makeFolder(directory, log)
    const source = createSource(kind, config, { id, map, tags, directory, secret, log: log.child({ source: id }), nowUs })
    const presence = createPresence(map, nowUs())
    alarms.follow(id, map)
    values.follow(id, map)
    const ending = new AbortController()
    const outlet = createOutlet({
      buffer, source, limits, nowUs, signal: ending.signal, gaps, persist, ...(source.waits !== true && { room }),
      onDelivered(blocks, mode, kept) {
        notes.presence(presence.seen(blocks, nowUs()), id)
        alarms.see(id, mode, blocks)
        values.see(id, blocks)
        judging.take(kept)
      },
    })
    const doubting: Outlet = {
      ...outlet,
      deliver: (delivery) => outlet.deliver(clock.status().state === 'ok' ? delivery : { ...delivery, blocks: doubtTimes(delivery.blocks, source.time === 'device' ? delivery.gatewayTimed ?? [] : delivery.blocks) }),
    }
    const live = createLiveSource({ source, outlet: doubting, log, nowUs })
    const done = (async () => {
      // What it reads is normalised by its map, also after a restart: the map is there before the first reading.
      await persist(() => buffer.keepDocument(tagMapDigest(map), map), ending.signal)
      await live.run(ending.signal)
    })().catch((error: unknown) => { if (!ending.signal.aborted) fail(error) })
    running.set(id, {
      plan: sourcePlan, source, live, presence,
      async stop() {
        ending.abort()
        await done
        running.delete(id)
        values.forget(id)
        await former.over(['source_silent'], nowUs(), id)
      },
    })
  }

  async function startAll(): Promise<void> {
    try {
      former.noteDamage().catch((error: unknown) => { if (!signal.aborted) fail(error) })
      await former.noteAbsence()
      for (const source of plan.sources) start(source)
    } catch (error) {
      await Promise.allSettled([...running.values()].map((source) => source.stop()))
      await buffer.close()
      throw error
    }
  }

  let ticks = 0
  const tick = () => {
    const jump = clock.tick()
    if (jump) notes.clock(jump)
    for (const [id, { presence }] of running) notes.presence(presence.tick(nowUs()), id)
    if (ticks % (EVERY_MS / TICK_MS) === 0) values.tick()
    if (ticks % CARE_EVERY_TICKS === 0) void care(buffer, room, plan, nowUs(), log)
    if (ticks % ALIVE_EVERY_TICKS === 0) void former.alive()
    ticks++
  }

  await startAll()
  const timer = setInterval(tick, TICK_MS)
  const parts = [...(identity ? [identity.run(signal)] : []), uplink.run(signal), cutter.run(signal), reporter.run(signal), alarms.run(signal), judging.run(signal)]
  const failed = Promise.race([broken, ...parts.map((part) => part.then(() => new Promise<never>(() => {})))])
  const ended = (async () => {
    try {
      await untilAborted(signal, failed)
    } finally {
      all.abort()
      clearInterval(timer)
      await Promise.allSettled([...running.values()].map((source) => source.stop()))
      await Promise.allSettled(parts)
      await former.alive()
      await buffer.close()
    }
  })()
  // Whoever awaits `ended` hears of a failure; nobody need.
  ended.catch(() => {})

  return {
    status,
    figures: () => ({ nowUs: nowUs(), uplink: uplink.status(), lastAcknowledgedUs, gapsOpen: gaps.ongoing().length, alarmsStanding: alarms.book.standingAll().length, certificateSeconds: identity?.secondsLeft() ?? null, keeping: !troubles.has('disk') }),
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
      const former = new Map(plan.sources.map((source) => [source.id, source]))
      const changed = next.sources.filter(({ id, digest }) => former.get(id)?.digest !== digest)
      const gone = plan.sources.filter(({ id }) => !next.sources.some((source) => source.id === id))
      await Promise.all([...changed, ...gone].map(async ({ id }) => running.get(id)?.stop()))
      plan = next
      for (const source of changed) start(source)
      judging.look()
      reporter.hurry()
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

/** Source times of a batch, as far as they are known. */
const spanOf = ({ fromUs, toUs }: QueuedBatch, atUs: number) => ({ fromUs: fromUs ?? atUs, toUs: toUs ?? atUs })

/** Whoever needs it says so when it is not there; most do not. */
function makeFolder(directory: string, log: Logger): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    log.warn({ err: error }, 'the folder of a connector could not be made')
  }
}

/** A connector that cannot even be made (a secret is missing) is one that is down: it is tried again as others are. */
function createSource(kind: ConnectorKind, config: unknown, context: ConnectorContext): Source {
  try {
    return kind.create(config, context)
  } catch {
    return { id: context.id, mode: 'live', map: context.map, run: async (outlet, signal) => kind.create(config, context).run(outlet, signal) }
  }
}

/** Everything but the sources. */
function sameGateway(a: SitePlan, b: SitePlan): boolean {
  const rest = ({ sources: _sources, ...plan }: SitePlan) => JSON.stringify(plan)
  return rest(a) === rest(b)
}

