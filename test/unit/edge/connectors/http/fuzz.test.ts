import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { inflate } from '../../../../../edge/connectors/http/body.ts'
import { decodeBody, type BodyFormat } from '../../../../../edge/connectors/http/decode.ts'
import { createRecordReader, type Pushed, type PushTag } from '../../../../../edge/connectors/http/record.ts'
import { EARLIEST_US, FUTURE_TOLERANCE_US } from '../../../../../registry/domain/ingest/check-run.ts'
import { BAD, QUALITY_LEVEL_MASK } from '../../../../../registry/domain/contract/quality.ts'
import { DomainError } from '../../../../../registry/domain/errors.ts'
import { effort } from '../../../../helpers/effort.ts'

/** Together they hold 100,000 that are malformed, where all are tried. */
const RECORDS = effort(70_000)
const BODIES = effort(52_000)
const PACKED = effort(10_000)
const NOW = Date.UTC(2026, 2, 1, 12) * 1000
const tags = new Map<string, PushTag>([
  ['temp', { kind: 'scalar', units: ['Cel'], assets: ['pump-1'] }], ['shake', { kind: 'waveform', units: ['m/s2'], assets: ['pump-1'] }],
])

/** Decodes as the connector does; `refused` when the body as a whole was. Anything else thrown fails the test. */
function decode(body: Uint8Array, format: BodyFormat): Pushed | 'refused' {
  const reader = createRecordReader({ tags, assets: null, numericTime: 'ms', nowUs: NOW })
  try {
    decodeBody(body, format, reader)
  } catch (error) {
    assert.ok(error instanceof DomainError && error.code === 'invalid', String(error))
    assert.ok(error.message.length < 2_000)
    return 'refused'
  }
  return reader.result()
}

/** Whatever is taken is something the rest of the gateway can take, and whatever is not has been told. */
function checkTaken({ readings, gatewayTimed, waveforms, problems, refused }: Pushed): void {
  for (const { address, sourceUs, raw, quality } of [...readings, ...gatewayTimed]) {
    assert.equal(tags.get(address)?.kind, 'scalar')
    assert.ok(Number.isSafeInteger(sourceUs) && sourceUs >= EARLIEST_US && sourceUs <= NOW + FUTURE_TOLERANCE_US)
    assert.ok(!Number.isNaN(raw) || (quality & QUALITY_LEVEL_MASK) >= BAD)
  }
  for (const { address, startUs, intervalUs, samples } of waveforms) {
    assert.equal(tags.get(address)?.kind, 'waveform')
    assert.ok(Number.isSafeInteger(startUs) && intervalUs > 0 && samples.length > 0 && samples.every(Number.isFinite))
  }
  assert.equal(problems.length, Math.min(100, refused))
  for (const { detail, at } of problems) assert.ok(at !== '' && detail.length > 10 && detail.length < 2_000, `${at}: ${detail}`)
}

/** What each field may hold, and whether it may: worked out apart from the connector. */
const junk = ['x', '', [], {}, [[1]], { a: 1 }, '__proto__', 'constructor', '\u0000', 1e308] as const
const fields = {
  name: [['temp', true], ['shake', false], ['tmp', false], [undefined, false], [null, false], [1, false], ...junk.map((j) => [j, false] as const)],
  value: [[21.5, true], [0, true], [-0, true], [null, true], [true, true], [1e308, true], [undefined, false], ['21.5', false], ['x', false], [[1], false], [{}, false]],
  time: [['2026-03-01T11:00:00Z', true], ['2026-03-01T11:00:00.123456789+01:00', true], [1_772_366_400_000, true], [0, false], [-1, false], [1e300, false], ['now', false], ['2026-03-01', false], ['2026-13-01T00:00:00Z', false], [true, false], [[], false]],
  quality: [['good', true], ['uncertain', true], ['bad', true], [undefined, true], [null, true], ['GOOD', false], [0, false], ['__proto__', false], [{}, false]],
  unit: [['Cel', true], [undefined, true], [null, true], ['K', false], [1, false], [[], false]],
  extra: [[undefined, true], [1, false]],
} as const
type Field = keyof typeof fields
const either = (values: readonly (readonly [unknown, boolean])[]) => fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...values.filter(([, holds]) => holds)) }, { weight: 1, arbitrary: fc.constantFrom(...values) })
const record = fc.record(Object.fromEntries(Object.entries(fields).map(([name, values]) => [name, either(values)])) as Record<Field, fc.Arbitrary<readonly [unknown, boolean]>>)

test(`${RECORDS} readings with wrong fields: exactly the good ones are taken, each other one is told`, (t) => {
  let good = 0
  let bad = 0
  fc.assert(fc.property(record, fc.boolean(), (made, asLine) => {
    const reading = Object.fromEntries(Object.entries(made).map(([name, [value]]) => [name, value]))
    const holds = Object.values(made).every(([, each]) => each)
    // Beside a good one, which must land whatever becomes of it.
    const neighbour = { name: 'temp', value: 7, time: NOW / 1000 }
    const pushed = asLine ? decode(Buffer.from(`${JSON.stringify(reading)}\n${JSON.stringify(neighbour)}`), 'lines') : decode(Buffer.from(JSON.stringify({ readings: [reading, neighbour] })), 'json')
    assert.ok(pushed !== 'refused')
    checkTaken(pushed)
    assert.deepEqual([pushed.readings.length + pushed.gatewayTimed.length, pushed.refused], holds ? [2, 0] : [1, 1])
    if (holds) good++
    else bad++
  }), { numRuns: RECORDS })
  t.diagnostic(JSON.stringify({ good, bad }))
  assert.ok(good > RECORDS / 7 && bad > RECORDS * 5 / 7)
})

const bodies: readonly (readonly [BodyFormat, Buffer])[] = [
  ['json', Buffer.from('{"time":"2026-03-01T11:59:59.5Z","values":{"temp":21.5},"readings":[{"name":"temp","value":-1.5e3,"time":1772366398000,"quality":"bad","unit":"Cel"},{"name":"temp","value":null}],"waveforms":[{"name":"shake","start":"2026-03-01T10:00:00Z","intervalUs":39.0625,"samples":[0.5,-2,3]}],"mode":"live"}')],
  ['lines', Buffer.from('{"name":"temp","value":1,"time":"2026-03-01T11:00:00Z"}\n{"values":{"temp":3}}\n{"name":"shake","samples":[1,2],"sampleRateHz":100}\n')],
  ['csv', Buffer.from('name,value,time,quality,unit\ntemp,21.5,2026-03-01T11:00:00Z,good,Cel\n"temp",3,,bad,\ntemp,,1772366398000,,\n')],
]
const spice = ['null', '[', '{', '"', '\\', ',', ':', '1e999', '-', '\u0000', '\uD800', '\uFEFF', '\r', '\n', '__proto__', '[[[[[[[[', '{"a":', '0'.repeat(50), '\\u0000'].map((text) => Buffer.from(text))

/** A good body with a byte changed, a part cut off, doubled, moved or spiced, a run of brackets, or noise altogether. */
function damaged(body: Buffer, [how = 0, at = 0, byte = 0, more = 0]: readonly number[]): Buffer {
  const place = (at * 256 + more) % body.length
  const [head, tail] = [body.subarray(0, place), body.subarray(place)]
  switch (how % 8) {
    case 0: return Buffer.concat([head, Buffer.of(byte), tail.subarray(1)])
    case 1: return head
    case 2: return Buffer.concat([head, spice[byte % spice.length] ?? Buffer.alloc(0), tail])
    case 3: return Buffer.concat([head, spice[byte % spice.length] ?? Buffer.alloc(0), tail.subarray(1 + (more % 20))])
    case 4: return Buffer.concat([head, tail.subarray(byte % 30), head.subarray(0, more)])
    case 5: return Buffer.concat([body, body.subarray(0, place)])
    case 6: return Buffer.concat([head, Buffer.alloc(byte * 40, more % 2 === 0 ? '[' : '{"a":'), tail])
    default: return Buffer.from([byte, at, more, how, byte ^ at, at ^ more])
  }
}

test(`${BODIES} damaged bodies: no crash, nothing kept, each taken in part, told or refused`, (t) => {
  const fates = { refused: 0, partly: 0, whole: 0, empty: 0 }
  const before = process.memoryUsage().heapUsed
  fc.assert(fc.property(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255), fc.constantFrom(...bodies), (how, at, byte, more, [format, body]) => {
    const pushed = decode(damaged(body, [how, at, byte, more]), format)
    if (pushed === 'refused') {
      fates.refused++
      return
    }
    checkTaken(pushed)
    const taken = pushed.readings.length + pushed.gatewayTimed.length + pushed.waveforms.length
    fates[taken === 0 && pushed.refused === 0 ? 'empty' : pushed.refused > 0 ? 'partly' : 'whole']++
  }), { numRuns: BODIES })
  t.diagnostic(JSON.stringify(fates))
  assert.equal(Object.values(fates).reduce((sum, n) => sum + n, 0), BODIES)
  assert.ok(fates.refused + fates.partly > BODIES * 0.96 && fates.whole > BODIES / 520)
  assert.ok(process.memoryUsage().heapUsed - before < 200_000_000)
})

test(`${PACKED} damaged gzip bodies are undone or refused, never beyond their limit`, async () => {
  const most = 100_000
  const whole = bodies.map(([, body]) => gzipSync(body))
  const bomb = gzipSync(Buffer.alloc(20_000_000))
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(3)), { minLength: 100, maxLength: 100 }), async (seeds) => {
    await Promise.all(seeds.map(async ([how, at, byte, more, which]) => {
      const packed = damaged(whole[which] ?? bomb, [how, at, byte, more])
      const outcome = await inflate(packed, most).catch((error: unknown) => error)
      if (outcome instanceof Uint8Array) assert.ok(outcome.byteLength <= most)
      else assert.ok(outcome instanceof DomainError && ['invalid', 'too_large'].includes(outcome.code), String(outcome))
    }))
  }), { numRuns: PACKED / 100 })
})
