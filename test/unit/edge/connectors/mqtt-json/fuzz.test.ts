import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { newCounters } from '../../../../../edge/connectors/mqtt-json/counters.ts'
import { mqttJson } from '../../../../../edge/connectors/mqtt-json/index.ts'
import { createReader, type Reader } from '../../../../../edge/connectors/mqtt-json/reader.ts'
import { createRoutes } from '../../../../../edge/connectors/mqtt-json/routes.ts'
import { createProgress } from '../../../../../edge/connectors/progress.ts'
import { createSuspects } from '../../../../../edge/connectors/suspects.ts'
import { connectorContext } from '../../../../helpers/connector-context.ts'
import { effort } from '../../../../helpers/effort.ts'
import { arrivalOf } from '../../../../helpers/mqtt-arrival.ts'

const NOW = 1_800_000_000_000_000
const ADDRESSES = ['p/data#v', 'p/data#list[*].v', 'p/data#list[name=a].v', 'p/data#deep.er.v', 'p/bare', 'p/+/x#v[*]']

function reader() {
  const config = mqttJson.config.parse({
    url: 'mqtt://h', messages: [{ topic: 'p/data', time: 'ts', quality: 'q' }, { topic: 'p/wave', sampleRateHz: 'fs', time: { at: 'ts', is: 'ns' } }, { time: { at: 't[*]', is: 'ms' } }],
  })
  const tags = connectorContext([...ADDRESSES, { address: 'p/wave#s', kind: 'waveform' }]).tags
  const counters = newCounters()
  const suspects = createSuspects(pino({ level: 'silent' }), () => 0)
  const reader = createReader({ routes: createRoutes(tags, config), config: { ...config, maxPayload: 4_096 }, counters, suspects, progress: createProgress(0), nowUs: () => NOW, nowMs: () => 0 })
  return { reader, counters, suspects }
}

const all = ({ timed, stamped }: ReturnType<Reader['read']>) => ({ readings: [...timed.readings, ...stamped.readings], waveforms: [...timed.waveforms, ...stamped.waveforms] })

const good = [
  '{"ts":"2026-03-01T12:00:00Z","v":1.5,"q":"good","list":[{"name":"a","v":1},{"name":"b","v":2,"ts":"2026-03-01T12:00:01Z"}],"deep":{"er":{"v":true}}}',
  '21.5', '{"t":[1772366400000,1772366400001],"v":[1,2]}', '{"ts":1772366400000000000,"fs":1000,"s":[1,2,3,null]}',
].map((text) => Buffer.from(text))
const TOPICS = ['p/data', 'p/bare', 'p/7/x', 'p/wave']
const TOKENS = ['{', '}', '[', ']', ',', ':', '"', '\\', '\\ud800', 'null', '1e999', '-0', '9'.repeat(400), '__proto__', '"v":', '"v":1,"v":2', '"constructor":{"v":3}', '\u0000', '-', 'NaN', '[[[[', '{"a":', '\ufeff']

/** A good message with a byte changed, cut off, doubled or mixed with other things; or tokens in any order; or bytes. */
const damaged = fc.tuple(fc.nat(3), fc.constantFrom('change', 'cut', 'insert', 'splice', 'tokens', 'bytes'), fc.nat(200), fc.nat(255), fc.uint8Array({ maxLength: 12 }), fc.array(fc.constantFrom(...TOKENS), { maxLength: 12 }))
  .map(([which, how, at, byte, bytes, tokens]) => {
    const one = good[which] ?? Buffer.alloc(0)
    const place = at % one.length
    const payload = how === 'change' ? Buffer.from(one.map((old, i) => (i === place ? byte : old)))
      : how === 'cut' ? one.subarray(0, place)
        : how === 'insert' ? Buffer.concat([one.subarray(0, place), Buffer.from(tokens.join('')), one.subarray(place)])
          : how === 'splice' ? Buffer.concat([one.subarray(0, place), bytes, one.subarray(byte % one.length)])
            : how === 'tokens' ? Buffer.from(tokens.join('')) : Buffer.from(bytes)
    return { topic: TOPICS[which] ?? '', payload }
  })

const MESSAGES = effort(100_000)

test(`${MESSAGES} damaged messages: each is read, or counted and shown; numbers that come of it are numbers; little is kept`, () => {
  const { reader: under, counters, suspects } = reader()
  let messages = 0
  let readings = 0
  fc.assert(fc.property(damaged, ({ topic, payload }) => {
    const before = counters.malformed
    const said = all(under.read([arrivalOf(topic, payload)]))
    messages++
    readings += said.readings.length
    if (counters.malformed > before) {
      const shown = suspects.kept.at(-1)
      assert.ok(shown && shown.topic === topic && shown.bytes === payload.byteLength && shown.why !== '')
    }
    for (const { address, sourceUs, raw, quality } of said.readings) {
      assert.ok(ADDRESSES.includes(address) && Number.isInteger(sourceUs) && sourceUs > 0 && sourceUs <= 2 ** 53 && typeof raw === 'number' && quality >= 0 && quality <= 0xffff)
      assert.ok(Number.isFinite(raw) || (quality & 3) === 2, 'what is no number is bad')
    }
    for (const { startUs, intervalUs, samples } of said.waveforms) assert.ok(Number.isInteger(startUs) && intervalUs > 0 && samples.length > 0)
  }), { numRuns: MESSAGES })
  assert.equal(messages, MESSAGES)
  assert.ok(counters.malformed > MESSAGES / 5 && readings > MESSAGES / 10, `${counters.malformed} malformed, ${readings} readings`)
  assert.ok(suspects.kept.length <= 10 && suspects.kept.every(({ start }) => start.length <= 200))
  assert.ok(under.refused.size <= ADDRESSES.length + 1 && under.awaited.size <= ADDRESSES.length + 1)
  assert.equal(({} as { v?: unknown }).v, undefined, 'nothing of a message reaches the prototypes')
})

test('messages made to hurt: deep nesting, long lists, long numbers, doubled and inherited names', () => {
  const { reader: under, counters } = reader()
  const said = (topic: string, text: string) => all(under.read([arrivalOf(topic, text)]))
  for (const text of ['['.repeat(4_096), '{"v":'.repeat(800), '{"a":'.repeat(600) + '1' + '}'.repeat(600), `{"v":${'['.repeat(2_000)}${']'.repeat(2_000)}}`, `{"q":${'['.repeat(2_000)}${']'.repeat(2_000)},"v":1}`]) said('p/data', text)
  said('p/data', `{"v":${'1'.repeat(4_000)}}`)
  assert.deepEqual(said('p/data', '{"v":1,"v":2}').readings.map(({ raw }) => raw), [2], 'of a doubled name the last counts')
  assert.deepEqual(said('p/data', '{"__proto__":{"v":1}}').readings, [])
  assert.equal(counters.malformed, 2)
  said('p/data', `{"v":1,"pad":"${'x'.repeat(4_100)}"}`)
  assert.equal(counters.malformed, 3)
})

test('a megabyte that nests or repeats without end costs a refusal, not the process', () => {
  const config = mqttJson.config.parse({ url: 'mqtt://h' })
  const counters = newCounters()
  const { tags } = connectorContext(['p#[*][*]', 'p#a[*].v', { address: 'p#s', kind: 'waveform' }])
  const big = createReader({ routes: createRoutes(tags, config), config, counters, suspects: createSuspects(pino({ level: 'silent' }), () => 0), progress: createProgress(0), nowUs: () => NOW, nowMs: () => 0 })
  const half = 2 ** 19 - 16
  for (const text of ['['.repeat(2 ** 20), '['.repeat(half) + ']'.repeat(half), `[${'[],'.repeat(300_000)}[]]`, `[${Array(1_000).fill(`[${Array(400).fill(0).join()}]`).join()}]`, `{"a":[${Array(120_000).fill('{"v":1}').join()}]}`, `{"s":[${Array(400_000).fill(1).join()}]}`]) {
    assert.ok(text.length <= 2 ** 20)
    assert.ok(all(big.read([arrivalOf('p', text)])).readings.every(({ raw }) => Number.isNaN(raw)))
  }
  assert.equal(counters.malformed, 5)
})
