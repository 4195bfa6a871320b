import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  createDemoPlant, createDemoPlantSource, demoPlantAssets, demoPlantBearing, demoPlantConfigSchema, demoPlantTagMap, demoPlantTruth,
} from '../../../../../edge/connectors/demo-plant/index.ts'
import type { RawWaveform, ReadingsBlock } from '../../../../../edge/raw-entry.ts'
import type { Delivery } from '../../../../../edge/source.ts'
import { qualityLevel } from '../../../../../registry/domain/contract/quality.ts'
import { defectAmplitude, defectFrequencies } from '../../../../../registry/domain/features/bearing.ts'
import { envelopeSpectrum } from '../../../../../registry/domain/features/spectrum.ts'

const HOUR = 3600e6
const config = demoPlantConfigSchema.parse({ seed: 7, endUs: Date.UTC(2026, 0, 31) * 1000, days: 21 })
const plant = createDemoPlant(config)
const { startUs, endUs, bearing, sensor, stop } = plant.truth

const lines = ({ addresses, address, sourceUs, raw, quality }: ReadingsBlock) => Array.from(raw, (value, i) => `${addresses[address[i] ?? -1]} ${sourceUs[i]} ${value} ${quality[i]}`)
const blocks = new Map<string, ReadingsBlock>()
function mean(address: string, fromUs: number, toUs: number): number {
  const key = `${fromUs} ${toUs}`
  const block = blocks.get(key) ?? plant.readings(fromUs, toUs)
  blocks.set(key, block)
  const at = block.addresses.indexOf(address)
  const values = [...block.raw].filter((_, i) => block.address[i] === at)
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

test('any cut of time gives the same readings and recordings; another seed gives others', () => {
  const from = startUs + 100 * HOUR + 17
  const whole = plant.readings(from, from + 3 * HOUR)
  const again = createDemoPlant(config)
  const parts = [0, 1, 2].flatMap((hour) => lines(again.readings(from + hour * HOUR, from + (hour + 1) * HOUR)))
  assert.ok(whole.raw.length > 6000)
  assert.deepEqual(parts.sort(), lines(whole).sort())
  const key = ({ address, startUs: at, samples }: RawWaveform) => `${address} ${at} ${Array.from(samples.subarray(0, 9)).join(' ')}`
  const waves = plant.waveforms(from, from + HOUR)
  assert.equal(waves.length, 16)
  assert.deepEqual([...again.waveforms(from, from + HOUR / 2), ...again.waveforms(from + HOUR / 2, from + HOUR)].map(key).sort(), waves.map(key).sort())
  assert.notDeepEqual(createDemoPlant({ ...config, seed: 8 }).waveforms(from, from + HOUR).map(key), waves.map(key))
})

test('nothing comes from before its start or after its end', () => {
  const times = [...plant.readings(startUs - HOUR, startUs + 1).sourceUs, ...plant.readings(endUs - 60e6, endUs + HOUR).sourceUs]
  assert.ok(times.length >= 36 && times.every((at) => at >= startUs && at <= endUs))
  assert.deepEqual(plant.waveforms(endUs, endUs + HOUR), [])
})

suite('physics', () => {
  test('the outer-race line of the envelope spectrum grows with the damage, at the drive end of that pump alone', () => {
    const line = (address: string, atUs: number) => {
      const [wave] = plant.waveforms(atUs, atUs + HOUR / 2).filter((row) => row.address === address)
      assert.ok(wave)
      const rpm = mean(address.replace(/\..*/, '.speed'), atUs, atUs + HOUR / 2)
      return defectAmplitude(envelopeSpectrum(wave.samples, config.sampleRateHz, 2000, 4500), defectFrequencies(demoPlantBearing, rpm / 60).bpfo, 3, 0.02)
    }
    const span = bearing.failureUs - bearing.onsetUs
    const [sound, early, late, failing] = [bearing.onsetUs - 24 * HOUR, bearing.onsetUs + 0.5 * span, bearing.onsetUs + 0.8 * span, bearing.failureUs - 2 * HOUR]
      .map((at) => line('P2.vibration-de', at)) as [number, number, number, number]
    assert.ok(early > 2 * sound && late > 2 * early && failing > 4 * late, `${sound} ${early} ${late} ${failing}`)
    assert.ok(line('P1.vibration-de', bearing.failureUs - 2 * HOUR) < 3 * sound)
  })

  test('the wearing pump runs hotter and rougher, then trips', () => {
    const before = bearing.failureUs - 4 * HOUR
    assert.ok(mean('P2.vibration-velocity-de', before, before + HOUR) > 2 * mean('P1.vibration-velocity-de', before, before + HOUR))
    assert.ok(mean('P2.bearing-temp-de', before, before + HOUR) > 8 + mean('P1.bearing-temp-de', before, before + HOUR))
    assert.equal(Math.round(mean('P2.flow', bearing.failureUs + HOUR, bearing.failureUs + 2 * HOUR)), 0)
  })

  test('flow, head, current and speed are those of a 22 kW pump at its duty', () => {
    const at = (name: string) => mean(`P1.${name}`, startUs + 48 * HOUR, startUs + 60 * HOUR)
    for (const [name, low, high] of [
      ['flow', 60, 100], ['discharge-pressure', 4, 7], ['suction-pressure', 110, 145], ['motor-current', 20, 40], ['speed', 1475, 1490],
      ['motor-temp', 35, 70], ['bearing-temp-de', 30, 55], ['vibration-velocity-de', 0.8, 2.8],
    ] as const) assert.ok(at(name) > low && at(name) < high, `${name}: ${at(name)}`)
  })

  test('the planned stop stands still and cools, and ends', () => {
    const [middle, long] = [stop.toUs - HOUR, stop.toUs + 24 * HOUR]
    assert.ok(Math.abs(mean('P4.speed', middle, middle + HOUR / 2)) < 1)
    assert.ok(mean('P4.motor-temp', middle, middle + HOUR / 2) < mean('P4.motor-temp', long, long + HOUR / 2) - 10)
    assert.ok(mean('P4.speed', long, long + HOUR / 2) > 1470)
  })

  test('the failing sensor drifts, drops out and dies while its motor is well', () => {
    const of = (fromUs: number) => {
      const block = plant.readings(fromUs, fromUs + 6 * HOUR)
      const at = block.addresses.indexOf('P3.motor-temp')
      return [...block.raw].flatMap((value, i) => (block.address[i] === at ? [{ value, level: qualityLevel(block.quality[i] ?? 0) }] : []))
    }
    const before = of(sensor.onsetUs - 8 * HOUR)
    assert.ok(before.length === 360 && before.every(({ level }) => level === 'good'))
    const late = of(sensor.deadUs - 8 * HOUR)
    assert.ok(late.length < 330 && late.some(({ level }) => level === 'bad') && late.some(({ level }) => level === 'uncertain') && late.some(({ level }) => level === 'good'))
    const dead = of(sensor.deadUs + HOUR)
    assert.ok(dead.length === 360 && dead.every(({ value, level }) => Number.isNaN(value) && level === 'bad'))
    assert.ok(Math.abs(mean('P3.motor-current', sensor.deadUs, sensor.deadUs + HOUR) - mean('P1.motor-current', sensor.deadUs, sensor.deadUs + HOUR)) < 5)
  })
})

test('the truth is known without making a reading, and lies inside the plant\'s time in its order', () => {
  const truth = demoPlantTruth(config)
  assert.deepEqual(truth, plant.truth)
  assert.deepEqual(truth.healthy, ['pump-1'])
  for (const [from, to] of [[startUs, bearing.onsetUs], [bearing.onsetUs, bearing.failureUs], [bearing.failureUs, endUs], [sensor.onsetUs, sensor.deadUs], [sensor.deadUs, endUs], [stop.fromUs, stop.toUs]] as const) assert.ok(from < to)
})

test('its registry names every tag of its map, with roles, units, ranges and bearings', () => {
  const assets = demoPlantAssets(config)
  assert.equal(assets.site.kind, 'simulation')
  assert.deepEqual(assets.tags.map(({ asset, name }) => `${asset}/${name}`).sort(), demoPlantTagMap(config).tags.map(({ tag }) => tag).sort())
  assert.ok(assets.tags.every(({ component }) => component === null || assets.components.some(({ id }) => id === component)))
  assert.equal(assets.components.find(({ id }) => id === bearing.component)?.geometry['rollingElements'], 9)
})

test('as a source it goes on where it was, and promises only what it has delivered', async () => {
  const short = demoPlantConfigSchema.parse({ endUs: Date.UTC(2026, 0, 31) * 1000, days: 2, waveformSamples: 256 })
  const deliveries: Delivery[] = []
  let position: unknown
  const play = async (most: number) => {
    const abort = new AbortController()
    let made = 0
    await createDemoPlantSource({ config: short }).run({
      lost: () => Promise.resolve(), position: () => position, positionKeys: () => [], forget: () => Promise.resolve(), connected() {},
      async deliver(delivery) {
        deliveries.push(delivery)
        position = delivery.position?.value
        if (++made >= most) abort.abort()
        return true
      },
    }, abort.signal)
  }
  await play(2)
  await play(Infinity)
  const delivered = deliveries.flatMap(({ blocks: of }) => of)
  const parts = delivered.flatMap((block) => (block.kind === 'readings' ? lines(block) : []))
  const twin = createDemoPlant(short)
  assert.deepEqual(parts.sort(), lines(twin.readings(twin.truth.startUs, twin.truth.endUs + 1)).sort())
  let through = -Infinity
  for (const delivery of deliveries) {
    for (const block of delivery.blocks) {
      const times = block.kind === 'readings' ? [...block.sourceUs] : block.rows.map(({ startUs: at }) => at)
      assert.ok(Math.min(...times) > through && Math.max(...times) <= (delivery.completeThroughUs ?? -1))
    }
    through = delivery.completeThroughUs ?? through
  }
  assert.equal(through, short.endUs)
})
