import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { qualityReasonsOf } from '../../../registry/domain/contract/quality.ts'
import { hasMosquitto } from '../../helpers/broker.ts'
import { startEdgePlant, type EdgePlant } from '../../helpers/edge-plant.ts'
import { startSparkplugNode, type SentValue } from '../../helpers/sparkplug-node.ts'

const skip = hasMosquitto() ? false : 'mosquitto is not here'
const DOUBLE = 10
const INT16 = 2
const devices = { '': { 'Node/Temp': { type: DOUBLE } }, press: { 'Oil/Temp': { type: DOUBLE }, count: { type: INT16 } } }
const TAGS: Readonly<Record<string, string>> = { 'g/n#Node/Temp': 'node-1/temp', 'g/n/press#Oil/Temp': 'press-4/oil-temp', 'g/n/press#count': 'press-4/count' }
const source = (more = '') => `  - id: press-hall
    type: sparkplug
    url: PLANT_URL
    username: PLANT_USER
    password: { env: PLANT_PASSWORD }
    reorderTimeout: 300ms
    lateness: 1s
    rebirth: { every: 1s }
${more}    tags:
${Object.entries(TAGS).map(([address, tag]) => `      - { tag: ${tag}, address: "${address}", unit: "1" }\n`).join('')}`

/** What was sent and did not come, by tag. */
function missing({ arrived }: EdgePlant, sent: readonly SentValue[]): SentValue[] {
  const came = new Map(Object.values(TAGS).map((tag) => [tag, new Map(arrived(tag).map(({ us, value }) => [us, value]))]))
  return sent.filter(({ address, ms, value }) => came.get(TAGS[address] ?? '')?.get(ms * 1_000) !== value)
}
/** Three values of a round have a millisecond each: the last is named by a time a little ahead of the clock that ends a gap. */
const AHEAD_US = 5_000
const inGap = ({ desk }: EdgePlant, { address, ms }: SentValue) =>
  [...desk.gaps.values()].some(({ cause, tag, fromUs, toUs }) => cause === 'source_silent' && tag === TAGS[address] && fromUs <= ms * 1_000 && (toUs ?? Infinity) + AHEAD_US >= ms * 1_000)

test('edge node, broker and gateway start again, each in turn: every value arrives at its time, or its loss is named; none is put where it does not belong', { skip }, async (t) => {
  const stage = await startEdgePlant(t, 'mosquitto')
  const { plant, write, run, arrived, until, desk } = stage
  write(source())
  let edge = await run()
  // What is said before it has ever listened is nobody's loss.
  await edge.until(({ connectors: [connector] }) => (connector?.counters['connections'] ?? 0) > 0)
  await sleep(500)
  const sent: SentValue[] = []
  let n = 0
  let node = await startSparkplugNode(plant.connection, { group: 'g', node: 'n', devices })
  t.after(() => node.crash())
  // Values tell by their remainder which metric they are of.
  const sendFor = async (ms: number) => {
    // Slower than its times are apart: else the node's clock would run away from everybody's.
    for (const endMs = performance.now() + ms; performance.now() < endMs; await sleep(5)) {
      n++
      await node.send('', 'Node/Temp', n * 3)
      await node.send('press', 'Oil/Temp', n * 3 + 1)
      await node.send('press', 'count', -(n * 3 + 2) % 30_000)
    }
  }
  const flowing = async (what: string) => {
    const counts = Object.values(TAGS).map((tag) => arrived(tag).length)
    const busy = { on: true }
    const sending = (async () => { while (busy.on) await sendFor(50) })()
    await until(what, () => Object.values(TAGS).every((tag, i) => arrived(tag).length > (counts[i] ?? 0) + 100))
    busy.on = false
    await sending
  }
  await flowing('readings')

  sent.push(...node.sent)
  await node.crash()
  await until('the death', () => Object.values(TAGS).every((tag) => qualityReasonsOf(arrived(tag).at(-1)?.quality ?? 0).includes('communication')))
  node = await startSparkplugNode(plant.connection, { group: 'g', node: 'n', devices: { press: { count: { type: INT16 }, 'Oil/Temp': { type: DOUBLE } }, '': devices[''] }, bdSeq: 1, firstAlias: 2 })
  await flowing('readings of the new session')

  await edge.stop('SIGKILL')
  await sendFor(300)
  edge = await run()
  await flowing('readings after the gateway was killed')
  assert.ok(node.rebirths() >= 2, 'it was asked for its birth')

  await plant.crash()
  await sendFor(200)
  await plant.restart()
  await flowing('readings after the broker was killed')
  sent.push(...node.sent)

  await sleep(1_500)
  await until('every loss in the ledger', () => missing(stage, sent).every((value) => inGap(stage, value)), 15_000)
    .catch(() => { assert.deepEqual(missing(stage, sent).filter((value) => !inGap(stage, value)).slice(0, 5), [], JSON.stringify([...desk.gaps.values()].map(({ tag, fromUs, toUs, cause }) => ({ tag, fromUs, toUs, cause })))) })
  const lost = missing(stage, sent)
  assert.ok(lost.length < sent.length / 2, `${lost.length} of ${sent.length} lost`)
  for (const [i, tag] of Object.values(TAGS).entries()) {
    const good = arrived(tag).filter(({ value }) => Number.isFinite(value))
    assert.ok(good.every(({ value }) => Math.abs(value) % 3 === i), `${tag} has its own values alone`)
    assert.equal(new Set(good.map(({ us, value }) => `${us} ${value}`)).size, good.length, 'none twice')
  }
  assert.deepEqual(await edge.stop(), { code: 0, signal: null })
})

test('to its primary host a node gives later what it kept meanwhile: nothing is missing, and it comes as backfill', { skip }, async (t) => {
  const stage = await startEdgePlant(t, 'mosquitto')
  const { plant, write, run, arrived, until } = stage
  write(source('    primaryHost: twinward\n'))
  let edge = await run()
  const node = await startSparkplugNode(plant.connection, { group: 'g', node: 'n', devices, primaryHost: 'twinward' })
  t.after(() => node.crash())
  let n = 0
  const send = async (count: number) => {
    for (let i = 0; i < count; i++, await sleep(2)) await node.send('press', 'Oil/Temp', ++n)
  }
  await until('the birth', () => node.rebirths() > 0)
  await send(50)
  await until('live readings', () => missing(stage, node.sent).length === 0)
  // In good order, so that its offline is said; a kill leaves that to the broker.
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await edge.stop(signal)
    await sleep(300)
    await send(50)
    edge = await run()
    await until(`all, after ${signal}`, () => missing(stage, node.sent).length === 0)
    await send(50)
    await until('live readings again', () => missing(stage, node.sent).length === 0)
  }
  const modes = new Map(arrived('press-4/oil-temp').map(({ us, mode }) => [us, mode]))
  assert.deepEqual(node.sent.map(({ ms }) => modes.get(ms * 1_000)), [...Array<string>(50).fill('live'), ...[1, 2].flatMap(() => [...Array<string>(50).fill('backfill'), ...Array<string>(50).fill('live')])])
})
