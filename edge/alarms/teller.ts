import type { Logger } from 'pino'
import type { LocalAlarm } from '../../registry/domain/contract/local-alarm.ts'
import type { Severity } from '../../registry/domain/contract/scored-event.ts'
import { severityRank } from '../../registry/domain/policy/policy.ts'
import { createBackoff } from '../backoff.ts'
import { createBell } from '../bell.ts'
import type { AlarmBook } from './alarm-book.ts'

/** Somewhere alarms go, beside the platform. */
export interface AlarmOutput {
  /** Resolves when it has been taken. Throws {@link NotTaken} for one that will never be, anything else to be asked again. */
  send(alarm: LocalAlarm, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** The other side has looked at it and does not want it: asking again would block what comes after it. */
export class NotTaken extends Error {}

export interface TellerOptions {
  readonly id: string
  readonly atLeast: Severity
  readonly output: AlarmOutput
  readonly book: AlarmBook
  readonly log: Logger
  /** What keeps alarms from getting there; null: they do. */
  readonly onTrouble: (problem: string | null) => void
  readonly random?: () => number
  readonly firstRetryMs?: number
}

/** Tells one output every alarm, each revision until it is taken, in order. */
export interface Teller {
  run(signal: AbortSignal): Promise<void>
  /** Something may be to tell. */
  ring(): void
}

const AT_ONCE = 100

export function createTeller({ id, atLeast, output, book, log, onTrouble, random = Math.random, firstRetryMs = 250 }: TellerOptions): Teller {
  const bell = createBell()
  let rung = true
  const concerns = ({ severity }: LocalAlarm) => severityRank(severity) >= severityRank(atLeast)

  /** False: it could not be told. */
  async function tell(alarm: LocalAlarm, signal: AbortSignal): Promise<boolean> {
    try {
      if (concerns(alarm)) await output.send(alarm, signal)
      onTrouble(null)
      return true
    } catch (error) {
      if (signal.aborted) return false
      const reason = error instanceof Error ? error.message : String(error)
      onTrouble(`alarms do not reach ${id}: ${reason}`)
      if (!(error instanceof NotTaken)) return false
      log.error({ output: id, alarm: alarm.id, reason }, 'an alarm was not taken, and is not sent there again')
      return true
    }
  }

  return {
    ring() {
      rung = true
      bell.ring()
    },
    async run(signal) {
      const backoff = createBackoff({ firstMs: firstRetryMs, maxMs: 30_000, random })
      while (!signal.aborted) {
        rung = false
        let told = true
        for (const alarm of book.untold(id, AT_ONCE)) {
          told = await tell(alarm, signal)
          if (!told) break
          await book.confirm(id, [alarm])
        }
        if (!told) {
          // A new alarm does not shorten the wait: the other side is away.
          const wait = createBell()
          await wait.wait(signal, backoff.next())
          continue
        }
        backoff.reset()
        if (!rung && book.untold(id, 1).length === 0) await bell.wait(signal)
      }
      await output.close()
    },
  }
}
