import './library-log.ts'
import { promisify } from 'node:util'
import {
  DataChangeNotification, PublishRequest, RepublishRequest, StatusChangeNotification, type MonitoredItemNotification, type NotificationMessage, type PublishResponse,
} from 'node-opcua-client'
import { DomainError } from '../../../registry/domain/errors.ts'
import { createBell } from '../../bell.ts'
import type { OpcUaLink } from './connection.ts'
import { microsOf } from './data-value.ts'
import { connectionLost } from './failure.ts'
import type { OpcUaCounters } from './health.ts'
import { createSequence } from './sequence.ts'
import type { Subscription } from './subscription.ts'

/** One notification message: its values in the server's order. */
export interface Published {
  readonly values: readonly MonitoredItemNotification[]
  /** UTC microseconds by the server's clock; null when it did not say. */
  readonly publishUs: number | null
  /** Whether the server has nothing more from before `publishUs`. */
  readonly isLast: boolean
  /** Messages before this one are lost for good. */
  readonly lost: number
}

export interface PublishLoopOptions {
  readonly link: OpcUaLink
  readonly subscription: Subscription
  readonly endpoint: string
  readonly silentAfter: number
  readonly counters: OpcUaCounters
  /** Awaited before a message is acknowledged and another is asked for: a slow buffer holds the server back. */
  readonly take: (published: Published) => Promise<void>
  readonly signal: AbortSignal
}

/** Requests the server holds at once, so that a slow network does not delay what it has to say. */
const PIPELINE = 3
const LEAST_SILENCE_MS = 2_000
const NOT_AVAILABLE = /BadMessageNotAvailable/

/** Publishes until the signal aborts; throws (`unavailable`) when connection, session or subscription is lost, or silent. */
export async function runPublishLoop({ link, subscription, endpoint, silentAfter, counters, take, signal }: PublishLoopOptions): Promise<void> {
  const { session } = link
  const intervals = Math.max(silentAfter, 2 * subscription.keepAliveCount + 1)
  const silentMs = Math.max(LEAST_SILENCE_MS, intervals * subscription.publishingMs)
  const republish = promisify(session.republish.bind(session)) as (request: RepublishRequest) => Promise<{ notificationMessage: NotificationMessage } | undefined>
  const sequence = createSequence()
  const bell = createBell()
  const answers: (PublishResponse | Error)[] = []
  let acknowledgements: { subscriptionId: number; sequenceNumber: number }[] = []
  let waiting = 0
  let pipeline = PIPELINE
  let quietSinceMs = performance.now()

  const ask = () => {
    for (; waiting < pipeline && !link.ended(); waiting++) {
      const request = new PublishRequest({ requestHeader: { timeoutHint: 4 * PIPELINE * silentMs }, subscriptionAcknowledgements: acknowledgements })
      acknowledgements = []
      session.publish(request, (error, response) => {
        waiting--
        answers.push(error ?? response ?? new Error('an empty answer'))
        bell.ring()
      })
    }
  }
  const lost = (why: string, cure: string) => new DomainError('unavailable', `${endpoint}: ${why}; ${cure}`, { endpoint })

  /** Messages the server has sent and we have not seen, asked for again; how many it does not have any more. */
  async function recover(missing: readonly number[], skipped: number): Promise<number> {
    let gone = skipped - missing.length
    for (const number of missing) {
      const answer = await republish(new RepublishRequest({ subscriptionId: subscription.id, retransmitSequenceNumber: number })).catch((error: unknown) => {
        if (error instanceof Error && NOT_AVAILABLE.test(error.message)) return undefined
        throw connectionLost(endpoint, error)
      })
      if (answer) {
        counters.republished++
        await take(readMessage(answer.notificationMessage, null, false, gone))
        acknowledgements.push({ subscriptionId: subscription.id, sequenceNumber: number })
        gone = 0
      } else {
        gone++
        counters.lost_notifications++
      }
    }
    return gone
  }

  async function process(response: PublishResponse): Promise<void> {
    const message = response.notificationMessage
    const isKeepAlive = (message.notificationData ?? []).length === 0
    const { duplicate, missing, skipped } = sequence.accept(message.sequenceNumber, isKeepAlive)
    if (isKeepAlive) counters.keep_alives++
    else counters.notifications++
    if (duplicate) counters.duplicates++
    else {
      counters.lost_notifications += skipped - missing.length
      const gone = await recover(missing, skipped)
      await take(readMessage(message, response.responseHeader.timestamp, !response.moreNotifications, gone))
    }
    if (!isKeepAlive) acknowledgements.push({ subscriptionId: subscription.id, sequenceNumber: message.sequenceNumber })
  }

  link.onEnd(() => { bell.ring() })
  ask()
  while (!signal.aborted) {
    const answer = answers.shift()
    if (answer instanceof Error) {
      if (link.ended() === undefined) pipeline = pipelineAfter(answer, pipeline, lost)
    } else if (answer) {
      if (answer.subscriptionId === subscription.id) {
        await process(answer)
        // What is not of this subscription is no sign of its life; a slow buffer is no silence of the server.
        quietSinceMs = performance.now()
      }
    } else {
      const ended = link.ended()
      if (ended !== undefined) throw lost(ended, 'it is connected to again')
      const leftMs = quietSinceMs + silentMs - performance.now()
      if (leftMs <= 0) throw lost(`connected, but silent for ${Math.round(silentMs)} ms (${intervals} publishing intervals), keep-alives included`, 'the connection is made anew')
      await bell.wait(signal, leftMs)
      continue
    }
    ask()
  }

  function readMessage(message: NotificationMessage, answeredAt: Date | null, isLast: boolean, gone: number): Published {
    const values: MonitoredItemNotification[] = []
    for (const data of message.notificationData ?? []) {
      if (data instanceof DataChangeNotification) values.push(...data.monitoredItems ?? [])
      else if (data instanceof StatusChangeNotification) throw lost(`the server has ended the subscription (${data.status.name})`, 'a new one is made')
    }
    // Some servers leave the publish time empty; the answer that carries the message has one.
    return { values, publishUs: microsOf(message.publishTime) ?? microsOf(answeredAt) ?? null, isLast, lost: gone }
  }
}

/** How many requests to keep with the server after it has refused one; throws when the refusal ends the subscription. */
function pipelineAfter({ message }: Error, pipeline: number, lost: (why: string, cure: string) => Error): number {
  if (/BadTooManyPublishRequests/.test(message)) return Math.max(1, pipeline - 1)
  // The server lets go of requests that have waited long; a silent one is the watchdog's.
  if (/BadTimeout|imeout/.test(message)) return pipeline
  throw lost(`a publish request failed (${message.split('\n')[0] ?? ''})`, 'the connection is made anew')
}
