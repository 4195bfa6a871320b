import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test, type TestContext } from 'node:test'
import { connectAsync } from 'mqtt'
import type { BrokerConfig } from '../../../edge/connectors/mqtt/config.ts'
import { openSession, type SessionOptions } from '../../../edge/connectors/mqtt/session.ts'
import { startBroker, type TestBroker } from '../../helpers/broker.ts'

async function stage(t: TestContext) {
  const broker = await startBroker()
  t.after(() => broker.stop())
  const { url, username, password } = broker.connection
  const config: BrokerConfig = { url, ...(username !== undefined && { username }), ...(password !== undefined && { password: { env: 'PASSWORD' } }), keepalive: 30, maxPayload: 65_536 }
  const abort = new AbortController()
  const open = (more: Partial<SessionOptions> = {}) => openSession({ broker: config, clientId: 'session-test', clean: true, hear: async () => {}, signal: abort.signal, ...more }, { secret: () => password ?? '' })
  return { broker, abort, open }
}

const speaker = ({ connection: { url, ...user } }: TestBroker) => connectAsync(url, { ...user, protocolVersion: 4 })

test('a source that is run again and again leaves no listeners on the signal of its gateway', async (t) => {
  const { broker, abort, open } = await stage(t)
  for (let round = 0; round < 12; round++) {
    const session = await open()
    session.over.catch(() => {})
    await session.subscribe(['a/#'], 1)
    await session.end()
  }
  await broker.crash()
  for (let round = 0; round < 12; round++) await assert.rejects(open(), { code: 'unavailable' })
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0)
})

test('a session has ended when what it heard last has been handled: the next one does not deliver beside it', async (t) => {
  const { broker, open } = await stage(t)
  let release = () => {}
  let heard = () => {}
  const held = new Promise<void>((resolve) => { release = resolve })
  const hearing = new Promise<void>((resolve) => { heard = resolve })
  let handled = false
  const session = await open({
    async hear() {
      heard()
      await held
      handled = true
    },
  })
  session.over.catch(() => {})
  await session.subscribe(['a/#'], 1)
  const client = await speaker(broker)
  await client.publishAsync('a/b', '1', { qos: 1 })
  await hearing
  await client.endAsync()
  await broker.crash()
  await assert.rejects(session.over, { code: 'unavailable' })
  const ended = session.end().then(() => handled)
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  release()
  assert.equal(await ended, true)
})
