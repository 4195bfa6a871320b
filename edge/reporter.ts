import type { Logger } from 'pino'
import { topics } from '../registry/domain/contract/batch.ts'
import { arrivedReplySchema, gatewayCommandSchema, type GatewayReport, type GatewayStatus } from '../registry/domain/contract/gateway-report.ts'
import type { LocalAlarm } from '../registry/domain/contract/local-alarm.ts'
import { CONTRACT_VERSION } from '../registry/domain/contract/primitives.ts'
import { createBell } from './bell.ts'
import type { DurableBuffer } from './buffer/buffer.ts'
import type { GatewayClock } from './clock.ts'
import type { GapBook } from './gap-book.ts'
import type { MqttLink } from './mqtt-link.ts'
import type { Recaller } from './recall.ts'
import type { LinkUser } from './uplink.ts'

export interface ReporterOptions {
  readonly site: string
  readonly gateway: string
  readonly version: string
  readonly buffer: DurableBuffer
  readonly gaps: GapBook
  readonly recaller: Recaller
  /** Local alarms that the platform has not confirmed. */
  readonly alarms: { untold(limit: number): LocalAlarm[]; confirm(kept: readonly { readonly id: string; readonly revision: number }[]): Promise<void> }
  readonly clock: GatewayClock
  readonly status: () => GatewayStatus
  readonly log: Logger
  readonly everyMs?: number
  /** Why the platform keeps nothing of what is told, until it does. */
  readonly onRefused?: (problem: string | null) => void
  /** The clock's doubts were settled by what the platform said. */
  readonly onClock?: (jump: NonNullable<ReturnType<GatewayClock['heard']>>) => void
}

/** Tells the platform how the gateway is and what it lost, until it has confirmed it; takes its orders and its time. */
export interface Reporter extends LinkUser {
  run(signal: AbortSignal): Promise<void>
  /** Reports at once rather than at the next turn. */
  hurry(): void
}

const EVERY_MS = 15_000
/** Maps are documents of many kilobytes: a few at a time. */
const MAPPINGS_AT_ONCE = 5
const ALARMS_AT_ONCE = 100

export function createReporter(options: ReporterOptions): Reporter {
  const { site, gateway, version, buffer, gaps, recaller, alarms, clock, status, log, everyMs = EVERY_MS, onClock, onRefused } = options
  const startedUs = clock.nowUs()
  let link: MqttLink | undefined
  let wake: () => void = () => {}
  const known = new Set((buffer.record('facts', 'mappings-known') as string[] | undefined) ?? [])

  function report(): GatewayReport {
    const mappings = buffer.documents().filter((digest) => !known.has(digest)).slice(0, MAPPINGS_AT_ONCE)
    return {
      contract: CONTRACT_VERSION, site, gateway, epoch: buffer.epoch, sentUs: clock.nowUs(), version, startedUs, status: status(),
      gaps: gaps.unconfirmed(500), alarms: alarms.untold(ALARMS_AT_ONCE),
      mappings: mappings.map((digest) => ({ digest, document: buffer.document(digest) as Record<string, unknown> })),
      commands: recaller.outcomes(),
    }
  }

  async function heardReply(payload: Uint8Array): Promise<void> {
    const parsed = arrivedReplySchema.safeParse(parseJson(payload))
    if (!parsed.success) {
      log.warn('a reply that is not one was ignored')
      return
    }
    const reply = parsed.data
    const settled = reply.sentUs === null ? undefined : clock.heard(reply.sentUs, reply.receivedUs, clock.nowUs())
    if (settled) onClock?.(settled)
    if (reply.problem !== null) log.warn({ problem: reply.problem }, 'the platform did not keep a report')
    onRefused?.(reply.problem)
    await gaps.confirm(reply.gaps)
    await alarms.confirm(reply.alarms)
    const fresh = reply.mappings.filter((digest) => !known.has(digest))
    if (fresh.length > 0) {
      for (const digest of fresh) known.add(digest)
      await buffer.write([{ store: 'facts', key: 'mappings-known', value: [...known] }])
    }
    const orders = reply.commands.map(({ id }) => id)
    for (const command of reply.commands) {
      const known = gatewayCommandSchema.safeParse(command)
      if (known.success) await recaller.take(known.data)
      else await recaller.decline(command.id, `this gateway knows no order of kind ${command.kind}, or not of this shape; update it`)
    }
    if (reply.problem === null) await recaller.forgetAllBut(orders)
    // What was not kept waits for the next turn: it would be refused again at once.
    const kept = reply.gaps.length > 0 || reply.alarms.length > 0 || fresh.length > 0
    if (kept && (gaps.unconfirmed(1).length > 0 || alarms.untold(1).length > 0 || buffer.documents().some((digest) => !known.has(digest)))) wake()
  }

  return {
    hear: {
      [topics.reply(site, gateway)]: (payload) => {
        heardReply(payload).catch((error: unknown) => { log.warn({ err: error }, 'a reply could not be kept; it will come again') })
      },
    },
    connected(fresh) {
      link = fresh
      gaps.close('wan', {}, clock.nowUs()).catch((error: unknown) => { log.warn({ err: error }, 'the end of the outage could not be noted') })
      wake()
    },
    lost(reason) {
      link = undefined
      gaps.open('wan', {}, clock.nowUs(), reason).catch((error: unknown) => { log.warn({ err: error }, 'the outage could not be noted') })
    },
    async run(signal) {
      while (!signal.aborted) {
        if (link) link.publish(topics.report(site, gateway), Buffer.from(JSON.stringify(report())))
        const turn = createBell()
        // Not more often than a little while, however often it is woken.
        wake = () => { setTimeout(() => { turn.ring() }, 200) }
        await turn.wait(signal, everyMs)
      }
    },
    hurry: () => { wake() },
  }
}

function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8'))
  } catch {
    return undefined
  }
}
