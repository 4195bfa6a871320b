import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { mqttJson } from '../../../../../edge/connectors/mqtt-json/index.ts'
import { readMessage } from '../../../../../edge/connectors/mqtt-json/message.ts'
import { createRoutes } from '../../../../../edge/connectors/mqtt-json/routes.ts'
import { BAD, GOOD, qualityReasons, UNCERTAIN } from '../../../../../registry/domain/contract/quality.ts'
import { connectorContext } from '../../../../helpers/connector-context.ts'

const ARRIVED = 1_800_000_000_000_000
const AT = 1_772_366_400_000_000
const ISO = '2026-03-01T12:00:00Z'

function plan(messages: unknown[], addresses: readonly string[], kind: 'scalar' | 'waveform' = 'scalar') {
  const config = mqttJson.config.parse({ url: 'mqtt://h', messages })
  for (const address of addresses) mqttJson.checkAddress(address, kind, config)
  const found = createRoutes(connectorContext(addresses.map((address) => ({ address, kind }))).tags, config).of('p/m')
  assert.ok(found)
  return found
}
const read = (messages: unknown[], payload: unknown, addresses: readonly string[], held = false) =>
  readMessage(plan(messages, addresses), { payload: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)), arrivedUs: ARRIVED, held })
const readings = (...given: Parameters<typeof read>) => read(...given).readings.map(({ sourceUs, raw, quality }) => [sourceUs, raw, quality])

suite('a message of numbers', () => {
  test('many values beside one time', () => {
    const said = read([{ time: 'ts', quality: 'q' }], { ts: ISO, temp: 21.5, flow: { v: 3, q: 'bad' }, on: true, level: null, text: 'x' }, ['p/m#temp', 'p/m#flow.v', 'p/m#on', 'p/m#level', 'p/m#text', 'p/m#none'])
    assert.deepEqual(said.readings.map(({ address, sourceUs, raw, quality }) => [address, sourceUs, raw, quality]), [
      ['p/m#temp', AT, 21.5, GOOD], ['p/m#flow.v', AT, 3, BAD | qualityReasons.device], ['p/m#on', AT, 1, GOOD],
      ['p/m#level', AT, NaN, BAD | qualityReasons.missing], ['p/m#text', AT, NaN, BAD | qualityReasons.device],
    ])
    assert.deepEqual(said.absent, ['p/m#none'])
    assert.match(said.refused.get('p/m#text') ?? '', /^a text \("x"\)/)
  })
  test('lists of readings, each with its time; named ones; values and times in two lists', () => {
    assert.deepEqual(readings([{ time: { at: 't', is: 's' } }], [{ t: AT / 1e6, v: 1 }, { t: AT / 1e6 + 0.25, v: 2 }], ['p/m#[*].v']), [[AT, 1, GOOD], [AT + 250_000, 2, GOOD]])
    assert.deepEqual(readings([{ time: 'time' }], { readings: [{ id: 'temp', value: 4, time: ISO }, { id: 'flow', value: 5, time: ISO }] }, ['p/m#readings[id=flow].value']), [[AT, 5, GOOD]])
    assert.deepEqual(readings([{ time: { at: 't[*]', is: 'ms' } }], { t: [AT / 1e3, AT / 1e3 + 1], v: [1, 2] }, ['p/m#v[*]']), [[AT, 1, GOOD], [AT + 1_000, 2, GOOD]])
  })
  test('bare numbers, numbers in quotes, words', () => {
    for (const [payload, raw] of [['21.5', 21.5], [' 21.5\n', 21.5], ['+3', 3], ['007', 7], ['"8e2"', 800], ['true', 1], ['ON', 1], ['"OFF"', 0], ['\ufeff5', 5]] as const) {
      assert.deepEqual(readings([{ words: { ON: 1, OFF: 0 } }], payload, ['p/m']), [[ARRIVED, raw, GOOD]], payload)
    }
    assert.deepEqual(readings([], '1e999', ['p/m']), [[ARRIVED, NaN, BAD | qualityReasons.notFinite]])
    assert.deepEqual(readings([], '21,5 °C', ['p/m']), [[ARRIVED, NaN, BAD | qualityReasons.device]])
    assert.deepEqual(readings([{ words: {} }], '{"v":"toString"}', ['p/m#v']), [[ARRIVED, NaN, BAD | qualityReasons.device]])
  })
  test('times of every sort', () => {
    const at = (is: string, ts: unknown, zone?: string) => readings([{ time: { at: 'ts', is, ...(zone !== undefined && { zone }) } }], { ts, v: 1 }, ['p/m#v'])[0]?.[0]
    assert.deepEqual([at('iso', ISO), at('iso', '2026-03-01T13:00:00.000001+01:00'), at('iso', '2026-03-01 13:00:00', 'Europe/Berlin')], [AT, AT + 1, AT])
    assert.deepEqual([at('s', AT / 1e6), at('ms', AT / 1e3), at('us', AT), at('ns', AT * 1e3), at('ns', `${AT}123`), at('s', '1772366400.5')], [AT, AT, AT, AT, AT, AT + 500_000])
    const problem = (is: string, ts: unknown) => read([{ time: { at: 'ts', is } }], { ts, v: 1 }, ['p/m#v'])
    for (const [is, ts, why] of [['iso', 1772366400, /is: ms/], ['iso', '2026-03-01 12:00:00', /zone: Europe/], ['iso', '2026-02-30T12:00:00Z', /ISO 8601/], ['ms', 'soon', /no count of ms/], ['s', 1e300, /beyond the year 2255/], ['iso', '9026-03-01T12:00:00Z', /beyond the year/], ['ms', {}, /no count/]] as const) {
      const { problem: told, readings: none } = problem(is, ts)
      assert.match(told ?? '', why)
      assert.deepEqual(none, [])
    }
  })
  test('without the time it should have, or after waiting at the broker, its time is in doubt', () => {
    const clock = qualityReasons.clock
    assert.deepEqual(readings([{ time: 'ts' }], { v: 1 }, ['p/m#v']), [[ARRIVED, 1, clock]])
    assert.deepEqual(readings([{ time: { at: 'ts', is: 'ms' } }], { ts: 0, v: 1 }, ['p/m#v']), [[ARRIVED, 1, clock]])
    assert.deepEqual(readings([], { v: 1 }, ['p/m#v'], true), [[ARRIVED, 1, UNCERTAIN | clock]])
    assert.deepEqual(readings([{ time: 'ts' }], { ts: ISO, v: 1 }, ['p/m#v'], true), [[AT, 1, GOOD]])
  })
  test('quality by the words known, or by those the site file lists', () => {
    const of = (quality: unknown, q: unknown) => readings([{ quality }], { v: 1, q }, ['p/m#v'])[0]?.[2]
    const [bad, uncertain] = [BAD | qualityReasons.device, UNCERTAIN | qualityReasons.device]
    assert.deepEqual(['Good', 192, true, 'STALE', 64, 0, 'broken', null, [[[]]], undefined].map((q) => of('q', q)), [GOOD, GOOD, GOOD, uncertain, uncertain, bad, bad, bad, bad, GOOD])
    assert.deepEqual([0, 1, 2, '0'].map((q) => of({ at: 'q', good: [0], uncertain: [1] }, q)), [GOOD, uncertain, bad, bad])
  })
  test('one wrong reading of many costs that one', () => {
    const said = read([{ time: 'ts' }], [{ ts: ISO, v: 1 }, { ts: 'soon', v: 2 }, { ts: ISO, v: 3 }], ['p/m#[*].v'])
    assert.deepEqual([said.readings.map(({ raw }) => raw), /^p\/m#\[\*\]\.v: the time "soon"/.test(said.problem ?? '')], [[1, 3], true])
  })
  test('that is none is said so', () => {
    assert.throws(() => read([], '{"v":', ['p/m#v']), /no JSON/)
    assert.throws(() => readMessage(plan([], ['p/m#v']), { payload: Uint8Array.of(0x22, 0xff, 0x22), arrivedUs: 0, held: false }), /no UTF-8/)
    assert.throws(() => read([], JSON.stringify(Array(100_001).fill(0)), ['p/m#[*]']), /more than 100000/)
  })
})

suite('a waveform', () => {
  const wave = (messages: unknown[], payload: unknown) => readMessage(plan(messages, ['p/m#s'], 'waveform'), { payload: Buffer.from(JSON.stringify(payload)), arrivedUs: ARRIVED, held: false })
  test('begins at its time, or ends there; without one it ended on arrival', () => {
    const [first] = wave([{ time: 't0', interval: { at: 'dt', is: 'us' } }], { t0: ISO, dt: 78.125, s: [1, 2, 3] }).waveforms
    assert.deepEqual([first?.startUs, first?.intervalUs, [...first?.samples ?? []], first?.quality], [AT, 78.125, [1, 2, 3], GOOD])
    const [last] = wave([{ time: 't0', sampleRateHz: 'fs', timestampOf: 'last' }], { t0: ISO, fs: 1_000, s: [1, 2, 3] }).waveforms
    assert.deepEqual([last?.startUs, last?.intervalUs], [AT - 2_000, 1_000])
    assert.equal(wave([{ sampleRateHz: 1_000 }], { s: [1, 2, 3] }).waveforms[0]?.startUs, ARRIVED - 2_000)
  })
  test('with holes, without rate, or of other things', () => {
    assert.deepEqual([...wave([{ sampleRateHz: 1 }], { s: [1, null] }).waveforms[0]?.samples ?? []], [1, NaN])
    assert.match(wave([{ sampleRateHz: 'fs' }], { s: [1] }).problem ?? '', /sample rate or interval is missing/)
    assert.match(wave([{ interval: { at: 'dt', is: 's' } }], { dt: 0, s: [1] }).problem ?? '', /not above 0/)
    assert.match(wave([{ sampleRateHz: 1 }], { s: [1, '2'] }).refused.get('p/m#s') ?? '', /more than numbers/)
    assert.match(wave([{ sampleRateHz: 1 }], { s: 5 }).refused.get('p/m#s') ?? '', /no list/)
    assert.deepEqual(wave([{ sampleRateHz: 1 }], { s: [] }).waveforms, [])
  })
  test('that is long comes in parts which follow each other', () => {
    const { waveforms } = wave([{ sampleRateHz: 1_000, time: 't0' }], { t0: ISO, s: Array(250_000).fill(0) })
    assert.deepEqual(waveforms.map(({ startUs, samples }) => [startUs - AT, samples.length]), [[0, 100_000], [100_000_000, 100_000], [200_000_000, 50_000]])
  })
})

suite('addresses and messages that cannot be', () => {
  const config = mqttJson.config.parse({ url: 'mqtt://h' })
  for (const [address, kind, why] of [
    ['p/m/#', 'scalar', /ends with "\/"/], ['#temp', 'scalar', /topic is missing/], ['p/m#', 'scalar', /nothing behind/], ['p/m+#v', 'scalar', /one whole level/], ['p/m#$.v', 'scalar', /leave out/],
    ['p/m#a..b', 'scalar', /no path/], ['p/m#s', 'waveform', /no sample rate; add to the source: messages: \[\{ topic: "p\/m"/],
  ] as const) test(address, () => { assert.throws(() => { mqttJson.checkAddress(address, kind, config) }, { code: 'invalid', message: why }) })
  test('messages', () => {
    for (const message of [{ topic: 'a/#/b' }, { time: 'a..b' }, { time: { at: 't[*].x[*]' } }, { time: { at: 'ts', is: 'ms', zone: 'UTC' } }, { time: { at: 'ts', zone: 'Mars' } }, { sampleRateHz: 0 }, { sampleRateHz: 1, interval: { at: 'dt', is: 'ms' } }, { quality: { at: 'q' } }, { tiem: 'ts' }]) {
      assert.equal(mqttJson.config.safeParse({ url: 'mqtt://h', messages: [message] }).success, false, JSON.stringify(message))
    }
    assert.equal(mqttJson.config.safeParse({ url: 'mqtt://h', qos: 0 }).success, false)
    assert.equal(mqttJson.config.safeParse({ url: 'mqtt://h', qos: 0, session: 'clean' }).success, true)
  })
  test('a filter within another is not subscribed to twice, and the first fitting message holds', () => {
    const routes = createRoutes(connectorContext(['p/+/m#a', 'p/1/m#a', 'p/1/x#a']).tags, mqttJson.config.parse({ url: 'mqtt://h', messages: [{ topic: 'p/1/+', words: { a: 1 } }, { words: { b: 2 } }] }))
    assert.deepEqual(routes.filters, ['p/+/m', 'p/1/x'])
    assert.deepEqual([routes.of('p/1/m')?.routes.length, routes.of('p/1/m')?.shape.words, routes.of('p/2/m')?.shape.words, routes.of('q')], [2, { a: 1 }, { b: 2 }, null])
  })
})
