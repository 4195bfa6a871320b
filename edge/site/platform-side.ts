import type { Logger } from 'pino'
import type { GatewayStatus } from '../../registry/domain/contract/gateway-report.ts'
import type { DurableBuffer, QueuedBatch } from '../buffer/buffer.ts'
import type { GatewayClock } from '../clock.ts'
import type { Persist } from '../disk-watch.ts'
import type { ConfigureCare } from '../configure/care.ts'
import { createFileFetcher } from '../file-fetcher.ts'
import type { GapBook } from '../gap-book.ts'
import type { BundleStore } from '../judge/bundle-store.ts'
import { both } from '../link-users.ts'
import { createNoUplink } from '../no-uplink.ts'
import { createOrders } from '../orders.ts'
import type { Recaller } from '../recall.ts'
import { createReporter } from '../reporter.ts'
import type { ProgramCare } from '../update/care.ts'
import { createUplink, type Uplink, type UplinkOptions, type UplinkTuning } from '../uplink.ts'
import { PLATFORM, type SiteAlarms } from './alarms.ts'
import { placeOf, type SiteJudging } from './judging.ts'
import type { Notes } from './notes.ts'
import { orderBook } from './order-book.ts'
import type { SitePlan } from './plan.ts'

export interface PlatformSideOptions {
  readonly plan: () => SitePlan
  readonly version: string
  readonly buffer: DurableBuffer
  readonly clock: GatewayClock
  readonly nowUs: () => number
  readonly gaps: GapBook
  readonly persist: Persist
  readonly recaller: Recaller
  readonly bundles: BundleStore
  readonly judging: SiteJudging
  readonly alarms: Pick<SiteAlarms, 'book'>
  readonly notes: Pick<Notes, 'clock'>
  readonly status: () => GatewayStatus
  /** What the platform says against what it gets; null when it takes it again. */
  readonly onRefused: (problem: string | null) => void
  readonly program: ProgramCare | undefined
  readonly configure: ConfigureCare | undefined
  readonly renew: ((signal: AbortSignal) => Promise<void>) | undefined
  /** How the gateway shows who it is. */
  readonly shown: Omit<UplinkOptions['mqtt'], 'url'>
  readonly tuning?: Partial<UplinkTuning>
  readonly reportEveryMs?: number
  readonly log: Logger
  readonly signal: AbortSignal
}

/** All that a gateway has to do with its platform: batches, reports, orders and the files they name, over one connection; or none of it. */
export interface PlatformSide {
  readonly uplink: Pick<Uplink, 'status' | 'redial'>
  /** When the platform acknowledged something last, by the gateway's clock; null when it has not since the start. */
  lastAcknowledgedUs(): number | null
  /** Something is to be told before the next report is due. */
  hurry(): void
  run(signal: AbortSignal): Promise<void>
}

export function createPlatformSide({ plan, version, buffer, clock, nowUs, gaps, persist, recaller, bundles, judging, alarms, notes, status, onRefused, program, configure, renew, shown, tuning, reportEveryMs, log, signal }: PlatformSideOptions): PlatformSide {
  const { site, gateway, platform: { url }, bandwidth, buffer: { directory } } = plan()
  let lastAcknowledgedUs: number | null = null
  const files = createFileFetcher({ site, gateway })
  const orders = createOrders({
    carryOut: orderBook({ fetch: (file) => files.fetch(file, signal), bundles, place: () => placeOf(plan()), judging, alarms: alarms.book, program, configure, renew: renew && (() => renew(signal)), bufferFolder: directory }),
    onEnd: () => { reporter.hurry() },
    onTrouble: (error, { id, kind }) => { if (!signal.aborted) log.warn({ err: error, order: id, kind }, 'an order could not be carried out; it is tried again') },
  })
  const reporter = createReporter({
    site, gateway, version, buffer, gaps, recaller, orders, judging, clock, status, log,
    alarms: { untold: (limit) => alarms.book.untold(PLATFORM, limit), confirm: (kept) => alarms.book.confirm(PLATFORM, kept) },
    ...(reportEveryMs !== undefined && { everyMs: reportEveryMs }),
    onClock: (jump) => { notes.clock(jump) },
    onRefused,
  })
  const uplink = url === null ? createNoUplink({ buffer, gaps, persist, nowUs }) : createUplink({
    buffer, site, gateway, log, beside: both(reporter, files), mqtt: { url, ...shown }, persist,
    ...(tuning && { tuning }), ...(bandwidth !== null && { bytesPerSec: bandwidth }),
    onAcknowledged: (batch, { status: outcome, code }) => {
      lastAcknowledgedUs = nowUs()
      if (outcome !== 'quarantined') return
      return gaps.note([{ cause: 'quarantined', ...spanOf(batch, nowUs()), lost: batch.count, detail: `the platform set batch ${batch.epoch}/${batch.sequence} aside: ${code ?? 'no reason given'}` }])
    },
    onDamaged: (batch) => gaps.note([{ cause: 'damaged', ...spanOf(batch, nowUs()), lost: batch.count, detail: 'a batch could not be read back from the disk; check the disk' }]),
  })

  return {
    uplink,
    lastAcknowledgedUs: () => lastAcknowledgedUs,
    hurry: () => { reporter.hurry() },
    async run(until) { await Promise.all([uplink.run(until), reporter.run(until)]) },
  }
}

/** Source times of a batch, as far as they are known. */
const spanOf = ({ fromUs, toUs }: QueuedBatch, atUs: number) => ({ fromUs: fromUs ?? atUs, toUs: toUs ?? atUs })
