import type { Logger } from 'pino'
import { markDelivered, markFailed, nextDueSeconds, takeDue, type Channel, type QueuedMessage } from '../../registry/store/outbox-queue.ts'
import type { Pool } from '../../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../../registry/store/transaction.ts'
import type { Bell } from './bell.ts'
import type { Loop } from './loop.ts'

/** How one channel delivers, and how patient it is. */
export interface ChannelRule {
  readonly channel: Channel
  /** Rejects when the message was not taken; then it is tried again, with the same ids. */
  readonly deliver: (message: QueuedMessage) => Promise<void>
  readonly atOnce: number
  /** Longer than any delivery: a message that is being delivered is not taken a second time. */
  readonly leaseSeconds: number
  readonly maxAttempts: number
  readonly longestWaitSeconds: number
}

export interface RelayDeps { readonly pool: Pool; readonly log: Logger; readonly bell: Bell }

const POLL_MS = 1000

/**
 * Empties one channel of the outbox: at least once, with ids by which receivers tell repeats. What fails waits longer
 * each time and ends among the dead with its last error. Channels have loops of their own, so that a receiver that
 * hangs holds up nobody else.
 */
export function createRelay({ pool, log, bell }: RelayDeps, rule: ChannelRule): Loop {
  return {
    name: `relay-${rule.channel}`,
    async run(signal) {
      while (!signal.aborted) {
        const took = await drainOnce(pool, log, rule)
        if (took === rule.atOnce) continue
        const due = await inSite(pool, ALL_SITES, (tx) => nextDueSeconds(tx, rule.channel))
        await bell.wait(due === null ? POLL_MS * 5 : Math.min(POLL_MS * 5, Math.max(20, due * 1000)), signal)
      }
    },
  }
}

/** Delivers what is due now; gives how many messages that were. */
export async function drainOnce(pool: Pool, log: Logger, rule: ChannelRule): Promise<number> {
  const messages = await inSite(pool, ALL_SITES, (tx) => takeDue(tx, rule.channel, rule.atOnce, rule.leaseSeconds))
  if (messages.length === 0) return 0
  const results = await Promise.allSettled(messages.map((message) => rule.deliver(message)))
  const delivered = messages.filter((_, i) => results[i]?.status === 'fulfilled').map((message) => message.outboxId)
  await inSite(pool, ALL_SITES, async (tx) => {
    if (delivered.length > 0) await markDelivered(tx, delivered)
    for (const [i, message] of messages.entries()) {
      const result = results[i]
      if (result?.status !== 'rejected') continue
      const reason = result.reason instanceof Error ? result.reason.message : String(result.reason)
      const waitSeconds = message.attempts >= rule.maxAttempts ? null : waitAfter(message.attempts, rule.longestWaitSeconds)
      await markFailed(tx, message.outboxId, reason, waitSeconds)
      log[waitSeconds === null ? 'error' : 'warn'](
        { channel: rule.channel, kind: message.kind, outboxId: message.outboxId, attempt: message.attempts, reason },
        waitSeconds === null ? 'message given up' : 'message not delivered, tried again',
      )
    }
  })
  return messages.length
}

/** 0.5 s, 1 s, 2 s … up to the channel's longest. */
export const waitAfter = (attempts: number, longestSeconds: number): number => Math.min(longestSeconds, 0.5 * 2 ** Math.min(attempts - 1, 30))
