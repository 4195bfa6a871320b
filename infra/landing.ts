import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { platformActor } from '../registry/domain/access/rights.ts'
import { topics } from '../registry/domain/contract/batch.ts'
import { DomainError } from '../registry/domain/errors.ts'
import type { ServiceContext } from '../registry/services/context.ts'
import { noteRefusal } from '../registry/services/gateways/note-access.ts'
import { createFileGiver } from '../registry/services/give-file.ts'
import { landBatch } from '../registry/services/land-batch.ts'
import { recordGatewayReport } from '../registry/services/record-gateway-report.ts'
import { createBatchSubscriber, type ArrivedMessage } from './batch-subscriber.ts'
import type { MqttConnection } from './config.ts'
import { createReportSubscriber, type ReportCounts, type ReportSubscriber } from './report-subscriber.ts'
import { isPassing } from '../registry/store/passing-errors.ts'

export interface Landing {
  /** Resolves once batches can come in; waits for a broker that is away. */
  start(): Promise<void>
  /** Takes in nothing new, ends what is under way, then leaves. The broker keeps the rest. */
  stop(): Promise<void>
  /** What became of the gateways' reports since the start. */
  reports(): ReportCounts
}

export interface LandingOptions {
  readonly ctx: ServiceContext
  readonly mqtt: MqttConnection
  readonly log: Logger
  readonly clientId?: string
  /** All sites unless told. */
  readonly filters?: readonly string[]
  readonly reportFilters?: readonly string[]
  /** Batches landing at once. */
  readonly concurrency?: number
}

const ACTOR = platformActor('landing')
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 15_000
/** A batch that fails for no passing reason is tried so often, and then left to the gateway, which keeps it. */
const TRIES = 5
const STOP_WITHIN_MS = 1200

/**
 * The process between broker and stores: every batch is made safe, then acknowledged; while a store is away, it waits.
 * Beside it, reports of gateways are kept and answered.
 */
export function createLanding({
  ctx, mqtt, log, clientId = 'twinward-landing', filters = [topics.allBatches], reportFilters = [topics.allReports, topics.allFileRequests], concurrency = 4,
}: LandingOptions): Landing {
  const stopping = new AbortController()
  const underWay = new Set<Promise<void>>()
  let subscriber: ReturnType<typeof createBatchSubscriber> | undefined
  let reports: ReportSubscriber | undefined
  const files = createFileGiver(ctx)

  async function land(message: ArrivedMessage): Promise<void> {
    const { site, gateway, bytes } = message
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      try {
        const acknowledgement = await landBatch(ctx, ACTOR, { site, gateway, bytes })
        subscriber?.acknowledge(site, acknowledgement)
        message.release()
        if (acknowledgement.status === 'quarantined') {
          log.warn({ site, gateway, digest: acknowledgement.digest, code: acknowledgement.code }, 'quarantined a batch')
        }
        return
      } catch (error) {
        if (error instanceof DomainError && error.details['fault'] === 'revoked') {
          const nowUs = ctx.nowUs()
          subscriber?.refuse(site, gateway, { sentUs: null, receivedUs: nowUs, gaps: [], alarms: [], judged: null, mappings: [], commands: [], problem: error.message })
          message.release()
          log.warn({ site, gateway, problem: error.message }, 'refused a batch; the gateway keeps it')
          await noteRefusal(ctx, { site, gateway }, error, null).catch((cause: unknown) => { log.warn({ err: cause }, 'the refusal could not be kept') })
          return
        }
        const passing = isPassing(error)
        if (!passing && attempt >= TRIES) {
          log.error({ err: error, site, gateway, bytes: bytes.length }, 'a batch cannot be landed; the gateway keeps it')
          message.release()
          return
        }
        const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 10))
        log.warn({ err: error, site, gateway, attempt, waitMs: wait }, passing ? 'a store is away; the batch waits' : 'landing failed; trying again')
        await sleep(wait, undefined, { signal: stopping.signal }).catch(() => undefined)
      }
    }
  }

  return {
    async start() {
      subscriber = createBatchSubscriber({
        mqtt, clientId, filters, concurrency, log,
        onArrival(message) {
          const work = land(message).finally(() => { underWay.delete(work) })
          underWay.add(work)
          return work
        },
      })
      reports = createReportSubscriber({
        mqtt, clientId: `${clientId}-reports`, filters: reportFilters, log, nowUs: ctx.nowUs,
        keep: (report, receivedUs) => recordGatewayReport(ctx, ACTOR, report, receivedUs),
        give: (site, gateway, request) => files.give(site, gateway, request),
      })
      await Promise.all([subscriber.subscribed, reports.subscribed])
    },
    async stop() {
      subscriber?.pause()
      // Those that wait for a store are given up at once, the others get a moment to end well.
      const ended = Promise.all(underWay)
      const waits = setTimeout(() => { stopping.abort() }, STOP_WITHIN_MS)
      await ended
      clearTimeout(waits)
      stopping.abort()
      await Promise.all([subscriber?.close(), reports?.close()])
    },
    reports: () => reports?.counts() ?? { kept: 0, refused: 0, failed: 0 },
  }
}
