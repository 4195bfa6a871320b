import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCollectingOutlet } from '../../../helpers/collecting-outlet.ts'
import { runConnector, startPlant } from '../../../helpers/opcua-plant.ts'
import { qualityReasonsOf } from '../../../../registry/domain/contract/quality.ts'

test('what happened during an outage is read from the server\'s history: all of it, once, in order, as backfill', async (t) => {
  const plant = await startPlant(t, ['Temp', 'Flow', 'Level'], { history: ['Temp'] })
  const [temp, flow, level] = [plant.address('Temp'), plant.address('Flow'), plant.address('Level')]
  const tags = [temp, flow, level]
  const outlet = createCollectingOutlet()
  const config = { history: { pageValues: 7 } }
  const first = await runConnector(t, { endpoint: plant.endpoint, tags, outlet, config })
  await outlet.until(() => tags.every((address) => outlet.readings(address).length > 0))
  plant.set('Temp', 1)
  plant.set('Level', 5)
  await outlet.until(() => outlet.readings(temp).some(({ raw }) => raw === 1) && outlet.readings(level).some(({ raw }) => raw === 5))
  const known = outlet.readings(temp).at(-1)?.sourceUs ?? 0
  await outlet.until(() => (outlet.positions.get('opcua/plc-7') as { throughUs: number }).throughUs > known)
  await first.end()

  for (let value = 100; value < 140; value++) {
    plant.set('Temp', value)
    plant.set('Flow', value)
    await new Promise((resolve) => { setTimeout(resolve, 3) })
  }
  const before = outlet.deliveries.length
  const second = await runConnector(t, { endpoint: plant.endpoint, tags, outlet, config })
  await outlet.until(() => (second.health().counters.history_unsupported ?? 0) === 2 && (second.health().counters.history_readings ?? 0) >= 39)
  plant.set('Temp', 200)
  await outlet.until(() => outlet.readings(temp).some(({ raw }) => raw === 200))
  await outlet.until(() => (outlet.positions.get('opcua/plc-7/gaps') as unknown[]).length === 0)

  const filled = outlet.deliveries.filter(({ mode }) => mode === 'backfill')
  assert.ok(filled.every(({ blocks }) => blocks.every((block) => block.kind === 'readings' && block.raw.length <= 7)))
  const backfilled = filled.flatMap(({ blocks }) => blocks.flatMap((block) => (block.kind === 'readings' ? [...block.raw] : [])))
  // The last value of the outage is the first of the new subscription: history leaves it to that one.
  assert.deepEqual(backfilled, Array.from({ length: 39 }, (_, i) => 100 + i))
  const all = outlet.readings(temp).map(({ sourceUs }) => sourceUs)
  assert.equal(new Set(all).size, all.length)
  const live = outlet.deliveries.slice(before).filter(({ mode }) => mode !== 'backfill')
  const raw = (address: string) => live.flatMap(({ blocks }) => blocks.flatMap((block) => (
    block.kind === 'readings' ? [...block.raw].filter((_, i) => block.addresses[block.address[i] ?? 0] === address) : [])))
  assert.deepEqual(raw(temp), [139, 200])
  assert.deepEqual(raw(flow), [139])
  // It has not changed, yet the tag was lost meanwhile: told once more.
  const standing = outlet.readings(level).at(-1)
  assert.deepEqual([standing?.raw, qualityReasonsOf(standing?.quality ?? 0)], [5, ['substituted']])
  assert.equal(second.health().state, 'ok')
})

test('without history wanted, nothing is asked for', async (t) => {
  const plant = await startPlant(t, ['Temp'], { history: ['Temp'] })
  const outlet = createCollectingOutlet(new Map([['opcua/plc-7', { throughUs: (Date.now() - 60_000) * 1_000 }]]))
  const { health } = await runConnector(t, { endpoint: plant.endpoint, tags: [plant.address('Temp')], outlet, config: { history: { fill: false } } })
  await outlet.until(() => outlet.readings().length > 0)
  plant.set('Temp', 2)
  await outlet.until(() => outlet.readings().some(({ raw }) => raw === 2))
  assert.deepEqual([health().counters.history_readings, health().counters.history_unsupported], [0, 0])
  assert.ok(!outlet.positions.has('opcua/plc-7/gaps'))
})
