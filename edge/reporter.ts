import type { Logger } from 'pino'
import { topics } from '../registry/domain/contract/batch.ts'
import { arrivedReplySchema, gatewayCommandSchema, type GatewayReport, type GatewayStatus, type JudgingReport, type LastJudged } from '../registry/domain/contract/gateway-report.ts'
import type { LocalAlarm } from '../registry/domain/contract/local-alarm.ts'
import { CONTRACT_VERSION } from '../registry/domain/contract/primitives.ts'
import { createBell } from './bell.ts'
import type { DurableBuffer } from './buffer/buffer.ts'
import type { GatewayClock } from './clock.ts'
import type { GapBook } from './gap-book.ts'
import type { MqttLink } from './mqtt-link.ts'
import type { Orders } from './orders.ts'
import type { Recaller } from './recall.ts'
import type { JudgedWindow } from '../registry/domain/contract/judged-window.ts'
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
  /** Orders other than recalls. */
  readonly orders: Orders
  /** What judges here, and windows it judged that the platform has not confirmed; `confirm` says whether more wait. */
  readonly judging: { report(): JudgingReport; untold(limit: number): Promise<JudgedWindow[]>; confirm(last: LastJudged): Promise<boolean> }
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
const WINDOWS_AT_ONCE = 500

export function createReporter(options: ReporterOptions): Reporter {
  const { site, gateway, version, buffer, gaps, recaller, alarms, orders, judging, clock, status, log, everyMs = EVERY_MS, onClock, onRefused } = options
  const startedUs = clock.nowUs()
  let link: MqttLink | undefined
  let wake: () => void = () => {}
  const known = new Set((buffer.record('facts', 'mappings-known') as string[] | undefined) ?? [])

  async function report(): Promise<GatewayReport> {
    const mappings = buffer.documents().filter((digest) => !known.has(digest)).slice(0, MAPPINGS_AT_ONCE)
    return {
      contract: CONTRACT_VERSION, site, gateway, epoch: buffer.epoch, sentUs: clock.nowUs(), version, startedUs, status: status(),
      gaps: gaps.unconfirmed(500), alarms: alarms.untold(ALARMS_AT_ONCE),
      judging: judging.report(), judged: await judging.untold(WINDOWS_AT_ONCE),
      mappings: mappings.map((digest) => ({ digest, document: buffer.document(digest) as Record<string, unknown> })),
      commands: [...recaller.outcomes(), ...orders.outcomes()].slice(0, 100),
    }
  }

  /** The connection may have gone while it was made. */
  function tell(now: GatewayReport): void {
    link?.publish(topics.report(site, gateway), Buffer.from(JSON.stringify(now)))
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
    const more = reply.judged !== null && await judging.confirm(reply.judged)
    const fresh = reply.mappings.filter((digest) => !known.has(digest))
    if (fresh.length > 0) {
      for (const digest of fresh) known.add(digest)
      await buffer.write([{ store: 'facts', key: 'mappings-known', value: [...known] }])
    }
    const given = reply.commands.map(({ id }) => id)
    for (const command of reply.commands) {
      const { data } = gatewayCommandSchema.safeParse(command)
      if (data === undefined) await recaller.decline(command.id, `this gateway knows no order of kind ${command.kind}, or not of this shape; update it`)
      else if (data.kind === 'recall') await recaller.take(data)
      else orders.take(data)
    }
    if (reply.problem === null) {
      await recaller.forgetAllBut(given)
      orders.forgetAllBut(given)
    }
    // What was not kept waits for the next turn: it would be refused again at once.
    const kept = reply.gaps.length > 0 || reply.alarms.length > 0 || fresh.length > 0
    if (more || (kept && (gaps.unconfirmed(1).length > 0 || alarms.untold(1).length > 0 || buffer.documents().some((digest) => !known.has(digest))))) wake()
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
        const turn = createBell()
        let early = false
        // Not more often than a little while, however often it is woken.
        wake = () => {
          setTimeout(() => {
            early = true
            turn.ring()
          }, 200)
        }
        if (link) tell(await report())
        if (!early) await turn.wait(signal, everyMs)
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
