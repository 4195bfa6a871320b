import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseAddress } from '../../../../../edge/connectors/modbus/address.ts'
import { newCounters } from '../../../../../edge/connectors/modbus/counters.ts'
import type { Answer } from '../../../../../edge/connectors/modbus/pdu.ts'
import type { Point } from '../../../../../edge/connectors/modbus/point.ts'
import { createUnit, type Ask } from '../../../../../edge/connectors/modbus/unit.ts'
import type { RawReading } from '../../../../../edge/connectors/blocks.ts'
import { BAD, GOOD, qualityReasons } from '../../../../../registry/domain/contract/quality.ts'
import { goodPdu, registerValue } from '../../../../helpers/modbus.ts'

const FUNCTIONS = { coil: 1, discrete: 2, holding: 3, input: 4 }

/** A slave in memory that has its holes, and counts what it is asked. */
function slave(addresses: readonly string[], refuses: (start: number, count: number) => number | null) {
  let nowMs = 0
  let asked = 0
  const counters = newCounters()
  const points = addresses.map((address): Point => ({ ...parseAddress(address), address, everyMs: 1_000, told: null, refused: null }))
  const device = { refuses, silent: false }
  const unit = createUnit({
    unit: 1, points, counters, retryRefusedMs: 60_000, nowUs: () => nowMs * 1_000, nowMs: () => nowMs,
    limits: { registers: 125, coils: 2_000, gapRegisters: 16, gapCoils: 128 },
  })
  const ask: Ask = (request): Promise<Answer> => {
    asked += 1
    nowMs += 1
    if (device.silent) return Promise.resolve({ kind: 'timeout' })
    const code = device.refuses(request.start, request.count)
    if (code !== null) return Promise.resolve({ kind: 'exception', code, atUs: nowMs * 1_000 })
    return Promise.resolve({ kind: 'data', data: goodPdu({ ...request, function: FUNCTIONS[request.table], transaction: 0 }).subarray(2), atUs: nowMs * 1_000 })
  }
  return {
    points, counters, device, unit,
    pass: (ms: number) => { nowMs += ms },
    async poll() {
      const readings: RawReading[] = []
      asked = 0
      const outcome = await unit.read(1_000, ask, (some) => { readings.push(...some) })
      return { outcome, readings, asked, good: readings.filter(({ quality }) => quality === GOOD).map(({ address }) => address) }
    },
  }
}

const DEVICE = BAD | qualityReasons.device
const row = (n: number) => Array.from({ length: n }, (_, i) => `1:holding:${i}:uint16`)
const hole = (register: number, code = 2) => (start: number, count: number) => (start <= register && register < start + count ? code : null)

suite('a unit that refuses some of what is asked', () => {
  test('one bad register costs its neighbours nothing, not even the first poll, and is remembered', async () => {
    const one = slave(row(100), hole(60))
    const first = await one.poll()
    assert.equal(first.outcome, 'answered')
    assert.equal(first.good.length, 99)
    assert.deepEqual(first.readings.filter(({ quality }) => quality !== GOOD), [{ address: '1:holding:60:uint16', sourceUs: first.readings.find(({ quality }) => quality !== GOOD)?.sourceUs, raw: NaN, quality: DEVICE }])
    assert.ok(first.readings.every(({ raw, address, quality }) => quality !== GOOD || raw === registerValue(1, parseAddress(address).start)))

    const second = await one.poll()
    assert.deepEqual([second.asked, second.good.length, second.readings.length], [2, 99, 99])
    assert.equal(one.counters.splits > 0, true)
  })

  test('a hole between the wanted registers is no longer read across', async () => {
    const one = slave(['1:holding:0:uint16', '1:holding:10:uint16'], hole(5))
    assert.deepEqual([(await one.poll()).asked, (await one.poll()).asked], [3, 2])
    assert.equal((await one.poll()).good.length, 2)
  })

  test('a device that takes fewer registers at once is asked for fewer', async () => {
    const one = slave(row(120), (_, count) => (count > 40 ? 3 : null))
    assert.equal((await one.poll()).good.length, 120)
    assert.equal((await one.poll()).good.length, 120)
    const after = await one.poll()
    assert.deepEqual([after.good.length, after.asked], [120, 4])
  })

  test('a refused register is tried again after a while, alone, and joins its neighbours when it is there', async () => {
    const one = slave(row(10), hole(4))
    await one.poll()
    assert.equal((await one.poll()).asked, 2)
    one.pass(60_000)
    const retry = await one.poll()
    assert.deepEqual([retry.asked, retry.readings.length], [3, 9])
    one.device.refuses = () => null
    one.pass(60_000)
    assert.equal((await one.poll()).good.length, 10)
    assert.equal((await one.poll()).asked, 1)
  })

  test('of many refused, one a poll is tried again', async () => {
    const one = slave([...row(3), '1:input:0:uint16', '1:input:1:uint16', '1:input:2:uint16'], () => 1)
    const first = await one.poll()
    assert.deepEqual([first.asked, first.readings.length], [2, 6])
    assert.equal((await one.poll()).asked, 0)
    one.pass(60_000)
    assert.equal((await one.poll()).asked, 1)
  })

  test('each exception becomes a quality, told when it begins and when it changes', async () => {
    const one = slave(['1:holding:0:uint16'], () => 4)
    const qualities = async () => (await one.poll()).readings.map(({ quality }) => quality)
    assert.deepEqual(await qualities(), [DEVICE])
    assert.deepEqual(await qualities(), [])
    one.device.refuses = () => 6
    assert.deepEqual(await qualities(), [BAD | qualityReasons.missing])
    one.device.refuses = () => null
    assert.deepEqual(await qualities(), [GOOD])
    one.device.refuses = () => 99
    assert.deepEqual(await qualities(), [DEVICE])
    one.device.refuses = () => 11
    const { outcome } = await one.poll()
    assert.equal(outcome !== 'answered' && outcome.kind, 'gateway')
    assert.deepEqual(one.unit.lose().map(({ quality }) => quality), [BAD | qualityReasons.communication])
    assert.deepEqual(one.unit.lose(), [])
  })

  test('a silent unit is asked once, then left; what was read before stays read', async () => {
    const one = slave(['1:holding:0:uint16', '1:holding:500:uint16', '1:holding:1000:uint16'], () => null)
    one.device.silent = true
    const { outcome, asked, readings } = await one.poll()
    assert.deepEqual([outcome !== 'answered' && outcome.kind, asked, readings.length], ['timeout', 1, 0])
    assert.equal(one.unit.lose().length, 3)
    one.device.silent = false
    assert.equal((await one.poll()).good.length, 3)
  })

  test('bits that are no number of their type are refused by address, once', async () => {
    // Register 12 of unit 1 holds 1012, which has a nibble above 9 in hexadecimal: 03F4.
    const one = slave(['1:holding:12:bcd16', '1:holding:12:uint16'], () => null)
    assert.deepEqual((await one.poll()).readings.map(({ raw, quality }) => [raw, quality]), [[NaN, DEVICE], [1_012, GOOD]])
    assert.deepEqual((await one.poll()).readings.map(({ raw }) => raw), [1_012])
    assert.equal(one.counters.invalid_values, 2)
  })
})

test('whatever a device refuses: at once every register that is there is read, and soon without a refusal', async () => {
  const register = fc.record({ start: fc.nat(150), type: fc.constantFrom('uint16', 'int32', 'float64') }).map(({ start, type }) => `1:holding:${start}:${type}`)
  await fc.assert(fc.asyncProperty(fc.uniqueArray(register, { minLength: 1, maxLength: 40 }), fc.uniqueArray(fc.nat(155), { maxLength: 8 }), fc.integer({ min: 4, max: 125 }), async (addresses, holes, most) => {
    const refuses = (start: number, count: number) => (count > most ? 3 : holes.some((at) => start <= at && at < start + count) ? 2 : null)
    const one = slave(addresses, refuses)
    const there = new Set(one.points.filter(({ start, count }) => refuses(start, count) === null).map(({ address }) => address))
    for (let poll = 0; poll < 3; poll++) assert.deepEqual(new Set((await one.poll()).good), there)
    for (let poll = 0; poll < 40; poll++) await one.poll()
    const before = one.counters.exceptions
    assert.deepEqual(new Set((await one.poll()).good), there)
    assert.equal(one.counters.exceptions, before)
  }), { numRuns: 200 })
})
