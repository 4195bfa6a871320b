// First: the stack speaks while it loads.
import '../../../../../edge/connectors/opcua/library-log.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpcUaLink, RawSession } from '../../../../../edge/connectors/opcua/connection.ts'
import { createOpcUaHealth } from '../../../../../edge/connectors/opcua/health.ts'
import { runPublishLoop, type Published } from '../../../../../edge/connectors/opcua/publish-loop.ts'
import { DataChangeNotification, StatusChangeNotification, StatusCodes, type PublishRequest, type RepublishRequest } from 'node-opcua-client'

type Answer = (error: Error | null, response?: unknown) => void

const data = (handle: number) => [new DataChangeNotification({ monitoredItems: [{ clientHandle: handle }] })]
const message = (sequenceNumber: number, notificationData: unknown[] = data(sequenceNumber)) => ({ sequenceNumber, publishTime: new Date(1_000 * sequenceNumber), notificationData })
const answer = (sequenceNumber: number, notificationData?: unknown[]) => ({
  subscriptionId: 7, moreNotifications: false, responseHeader: { timestamp: new Date(1) }, notificationMessage: message(sequenceNumber, notificationData),
})

/** A server in memory that answers publish requests with a script, then says nothing. */
function scripted(script: (object | Error)[], kept: readonly number[] = []) {
  const requests: PublishRequest[] = []
  const asked: number[] = []
  const session = {
    publish(request: PublishRequest, done: Answer) {
      requests.push(request)
      const next = script.shift()
      if (next) setImmediate(() => { done(next instanceof Error ? next : null, next) })
    },
    republish({ retransmitSequenceNumber: number }: RepublishRequest, done: Answer) {
      asked.push(number)
      setImmediate(() => { done(kept.includes(number) ? null : new Error('BadMessageNotAvailable (0x807b0000)'), { notificationMessage: message(number) }) })
    },
  }
  const link: OpcUaLink = { session: session as unknown as RawSession, ended: () => undefined, onEnd: () => {}, close: () => Promise.resolve() }
  return { link, requests, asked }
}

async function play(script: (object | Error)[], { kept = [], until = 0 }: { kept?: number[]; until?: number } = {}) {
  const { link, requests, asked } = scripted([...script], kept)
  const { counters } = createOpcUaHealth()
  const taken: Published[] = []
  const stop = new AbortController()
  const subscription = { id: 7, publishingMs: 60_000, keepAliveCount: 3, createdUs: 0, items: new Map() }
  const running = runPublishLoop({
    link, subscription, endpoint: 'opc.tcp://h', silentAfter: 10, counters, signal: stop.signal,
    take(published) {
      taken.push(published)
      if (taken.length === until) setImmediate(() => { stop.abort() })
      return Promise.resolve()
    },
  })
  const failure = await running.then(() => undefined, (error: unknown) => error)
  return { taken: taken.map(({ values, lost }) => [values.map(({ clientHandle }) => clientHandle), lost]), counters, asked, requests, failure, last: taken.at(-1) }
}

test('a message that was skipped is asked for again, in its place; one that is gone is told with the next', async () => {
  const { taken, asked, counters, failure } = await play([answer(1), answer(3), answer(6), answer(6)], { kept: [2, 5], until: 5 })
  assert.equal(failure, undefined)
  assert.deepEqual(asked, [2, 4, 5])
  assert.deepEqual(taken, [[[1], 0], [[2], 0], [[3], 0], [[5], 1], [[6], 0]])
  assert.deepEqual([counters.republished, counters.lost_notifications], [2, 1])
})

test('a message that comes twice is taken once, and acknowledged', async () => {
  const { taken, counters, requests } = await play([answer(1), answer(1), answer(2), answer(3, [])], { until: 3 })
  assert.deepEqual(taken, [[[1], 0], [[2], 0], [[], 0]])
  assert.deepEqual([counters.duplicates, counters.keep_alives], [1, 1])
  const acknowledged = requests.flatMap(({ subscriptionAcknowledgements }) => (subscriptionAcknowledgements ?? []).map(({ sequenceNumber }) => sequenceNumber))
  assert.deepEqual([...new Set(acknowledged)].filter((number) => number < 3), [1, 2])
})

test('a keep-alive that is ahead shows a loss, too', async () => {
  const { taken, asked } = await play([answer(1), answer(3, [])], { kept: [2], until: 3 })
  assert.deepEqual([asked, taken], [[2], [[[1], 0], [[2], 0], [[], 0]]])
})

test('the publish time is the server\'s, in microseconds', async () => {
  const { last } = await play([answer(5)], { until: 1 })
  assert.equal(last?.publishUs, 5_000_000)
  assert.equal(last.isLast, true)
})

test('the end of the subscription or the session ends the loop; a refused request too many does not', async () => {
  const ended = await play([answer(1), answer(2, [new StatusChangeNotification({ status: StatusCodes.BadTimeout })])])
  assert.match(String(ended.failure), /the server has ended the subscription \(BadTimeout\)/)
  const closed = await play([new Error('serviceResult = BadSessionClosed (0x80260000)')])
  assert.match(String(closed.failure), /BadSessionClosed/)
  const many = await play([new Error('BadTooManyPublishRequests (0x80780000)'), new Error('BadTimeout (0x800a0000)'), answer(1)], { until: 1 })
  assert.equal(many.failure, undefined)
})

test('answers that are not of this subscription are no sign of its life', async () => {
  const foreign = { ...answer(1), subscriptionId: 8 }
  const { link } = scripted([])
  const session = { publish(_request: PublishRequest, done: Answer) { setTimeout(() => { done(null, foreign) }, 5) }, republish() {} }
  const running = runPublishLoop({
    link: { ...link, session: session as unknown as RawSession }, subscription: { id: 7, publishingMs: 10, keepAliveCount: 1, createdUs: 0, items: new Map() }, endpoint: 'opc.tcp://h',
    silentAfter: 3, counters: createOpcUaHealth().counters, signal: AbortSignal.timeout(20_000), take: () => Promise.resolve(),
  })
  await assert.rejects(running, { code: 'unavailable', message: /silent for 2000 ms/ })
})
