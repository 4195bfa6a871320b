import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { collect, inflate } from '../../../../../edge/connectors/http/body.ts'
import { decodeBody, formatOf, modeOf, type BodyFormat } from '../../../../../edge/connectors/http/decode.ts'
import { createRecordReader, type Pushed, type PushTag } from '../../../../../edge/connectors/http/record.ts'
import type { EpochUnit } from '../../../../../edge/connectors/epoch.ts'
import { BAD, qualityReasons, UNCERTAIN } from '../../../../../registry/domain/contract/quality.ts'

const NOW = Date.UTC(2026, 2, 1, 12) * 1000
const tags = new Map<string, PushTag>([
  ['temp', { kind: 'scalar', units: ['Cel'], assets: ['pump-1'] }],
  ['speed', { kind: 'scalar', units: ['/min'], assets: ['pump-2'] }],
  ['shake', { kind: 'waveform', units: ['m/s2'], assets: ['pump-1'] }],
])

function push(body: unknown, { format = 'json', assets = null, numericTime = 'ms' }: { format?: BodyFormat; assets?: ReadonlySet<string> | null; numericTime?: EpochUnit } = {}): Pushed {
  const reader = createRecordReader({ tags, assets, numericTime, nowUs: NOW })
  decodeBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), format, reader)
  return reader.result()
}
const told = (pushed: Pushed) => pushed.problems.map(({ at, detail }) => `${at}: ${detail}`)

suite('what is taken', () => {
  test('values at one time, readings one by one, waveforms', () => {
    const { readings, gatewayTimed, waveforms, problems } = push({
      time: '2026-03-01T11:59:59.5Z', values: { temp: 21.5, speed: 1480 },
      readings: [{ name: 'temp', value: -1, time: 1_772_366_398_000, quality: 'uncertain', unit: 'Cel' }, { name: 'speed', value: null }, { name: 'speed', value: true, quality: 'bad' }],
      waveforms: [{ name: 'shake', start: '2026-03-01T13:59:58+02:00', sampleRateHz: 25_600, samples: [0.5, -2], unit: 'm/s2' }],
    })
    assert.deepEqual(problems, [])
    assert.deepEqual(gatewayTimed, [])
    assert.deepEqual(readings, [
      { address: 'temp', raw: 21.5, quality: 0, sourceUs: NOW - 500_000 }, { address: 'speed', raw: 1480, quality: 0, sourceUs: NOW - 500_000 },
      { address: 'temp', raw: -1, quality: UNCERTAIN | qualityReasons.device, sourceUs: NOW - 2_000_000 },
      { address: 'speed', raw: NaN, quality: BAD | qualityReasons.missing, sourceUs: NOW - 500_000 },
      { address: 'speed', raw: 1, quality: BAD | qualityReasons.device, sourceUs: NOW - 500_000 },
    ])
    assert.deepEqual(waveforms, [{ address: 'shake', startUs: NOW - 2_000_000, intervalUs: 39.0625, quality: 0, samples: Float32Array.of(0.5, -2), gatewayTimed: false }])
  })

  test('without a time, the gateway\'s; a waveform then ends now', () => {
    const { gatewayTimed, waveforms } = push({ values: { temp: 1, speed: 2 }, waveforms: [{ name: 'shake', intervalUs: 1000, samples: [1, 2, 3] }] })
    assert.deepEqual(gatewayTimed.map(({ sourceUs }) => sourceUs), [NOW, NOW])
    assert.deepEqual(waveforms.map(({ startUs, gatewayTimed: by }) => [startUs, by]), [[NOW - 3000, true]])
  })

  test('one object a line, of each sort, whatever ends the lines', () => {
    const { readings, gatewayTimed, waveforms, problems } = push(['{"name":"temp","value":1,"time":"2026-03-01T11:00:00Z"}', '', '{"values":{"speed":3}}', '{"name":"shake","samples":[1],"intervalUs":10}', 'nonsense', '[1]', '{"values":{"temp":1},"tme":2}'].join('\r\n'), { format: 'lines' })
    assert.deepEqual([readings.length, gatewayTimed.length, waveforms.length], [1, 1, 1])
    assert.deepEqual(problems.map(({ at }) => at), ['line 5', 'line 6', 'line 7'])
    assert.match(problems[2]?.detail ?? '', /did you mean "time"/)
  })

  test('CSV in any order of columns; an empty value is none, an empty time the gateway\'s', () => {
    const { readings, gatewayTimed, problems } = push('\uFEFFtime;x\n'.replace(';x', ',value,Name,quality,unit') + '2026-03-01T11:00:00Z,5,temp,,Cel\r\n1772366400000,,speed,uncertain,\n,7,temp,,\n,1,2,3\n,abc,temp,,\n', { format: 'csv' })
    assert.deepEqual(readings.map(({ address, raw, quality }) => [address, raw, quality]), [['temp', 5, 0], ['speed', NaN, BAD | qualityReasons.missing]])
    assert.deepEqual(gatewayTimed.map(({ address, raw }) => [address, raw]), [['temp', 7]])
    assert.deepEqual(problems.map(({ at }) => at), ['line 5', 'line 6'])
    assert.match(problems[1]?.detail ?? '', /"abc" is a text/)
  })

  test('numbers as times count what the site file says', () => {
    for (const [numericTime, time] of [['s', 1_772_366_399], ['ms', 1_772_366_399_000], ['us', 1_772_366_399_000_000], ['ns', 1_772_366_399_000_000_000]] as const) {
      assert.equal(push({ time, values: { temp: 1 } }, { numericTime }).readings[0]?.sourceUs, NOW - 1_000_000)
    }
  })
})

suite('what is not taken is told, with its place and cure; the rest lands', () => {
  for (const [what, record, expected] of [
    ['a name nobody knows', { name: 'tmp', value: 1 }, /nobody knows the name "tmp" here; did you mean "temp"\?; add a tag/],
    ['no name', { value: 1 }, /has no name/],
    ['a waveform\'s name', { name: 'shake', value: 1 }, /is a waveform in the site file; send samples/],
    ['another unit', { name: 'temp', value: 1, unit: 'K' }, /comes in "K", while the site file says Cel/],
    ['text', { name: 'temp', value: '21.5' }, /is a text; send a number without quotes/],
    ['no value', { name: 'temp' }, /has no value/],
    ['a list', { name: 'temp', value: [1] }, /is no value/],
    ['a quality of its own', { name: 'temp', value: 1, quality: 192 }, /no quality; send good, uncertain or bad/],
    ['a misspelt key', { name: 'temp', value: 1, tiem: 3 }, /has "tiem", which nobody reads; did you mean "time"/],
    ['a time without zone', { name: 'temp', value: 1, time: '2026-03-01T12:00:00' }, /not a time; send RFC 3339 with its zone/],
    ['a day that is none', { name: 'temp', value: 1, time: '2026-02-30T12:00:00Z' }, /not a time/],
    ['a clock that was never set', { name: 'temp', value: 1, time: 12_000 }, /lies before 1990; set the machine's clock.*numbers count ms here/],
    ['a time to come', { name: 'temp', value: 1, time: '2026-03-01T13:00:00Z' }, /3600 s ahead of the gateway's clock/],
    ['no object', 7, /7 is no reading/],
  ] as const) {
    test(what, () => {
      const pushed = push({ readings: [{ name: 'speed', value: 5, time: NOW / 1000 }, record] })
      assert.equal(pushed.readings.length, 1)
      assert.equal(pushed.refused, 1)
      assert.match(told(pushed)[0] ?? '', new RegExp(`^/readings/1: .*${expected.source}`))
    })
  }
  for (const [what, record, expected] of [
    ['no interval', { name: 'shake', samples: [1] }, /has no interval/],
    ['an interval of nothing', { name: 'shake', samples: [1], intervalUs: 0 }, /has no interval/],
    ['no samples', { name: 'shake', samples: [], intervalUs: 1 }, /has no samples/],
    ['a hole', { name: 'shake', samples: [1, null], intervalUs: 1 }, /sample 1 is null/],
    ['beyond 32 bits', { name: 'shake', samples: [1e39], intervalUs: 1 }, /sample 0 is 1e\+39/],
    ['longer than an hour', { name: 'shake', samples: [1, 2], intervalUs: 2e9 }, /longer than an hour/],
    ['a scalar\'s name', { name: 'temp', samples: [1], intervalUs: 1 }, /is a scalar/],
  ] as const) {
    test(`a waveform with ${what}`, () => { assert.match(told(push({ waveforms: [record] }))[0] ?? '', new RegExp(`^/waveforms/0: .*${expected.source}`)) })
  }
  test('the same name twice without a time', () => {
    const pushed = push({ values: { temp: 1 }, readings: [{ name: 'temp', value: 2 }] })
    assert.equal(pushed.gatewayTimed.length, 1)
    assert.match(told(pushed)[0] ?? '', /^\/readings\/0: comes twice without a time/)
  })
  test('an asset that is not the token\'s', () => {
    const pushed = push({ values: { temp: 1, speed: 2 } }, { assets: new Set(['pump-1']) })
    assert.equal(pushed.gatewayTimed.length, 1)
    assert.match(told(pushed)[0] ?? '', /^\/values\/speed: this token may not send for pump-2/)
  })
  test('more than are listed are counted', () => {
    const pushed = push({ readings: Array.from({ length: 1_000 }, () => ({ name: 'x', value: 1 })) })
    assert.deepEqual([pushed.refused, pushed.problems.length], [1_000, 100])
  })
})

suite('a body that is none is refused as a whole', () => {
  for (const [what, body, format, expected] of [
    ['cut off', '{"values":{"temp":1', 'json', /not JSON/],
    ['NaN', '{"values":{"temp":NaN}}', 'json', /NaN is not JSON: send null/],
    ['a list', '[]', 'json', /the body is \[\]; send/],
    ['another shape', '{"temp":21.5}', 'json', /the body has "temp", which nobody reads/],
    ['readings that are no list', '{"readings":{}}', 'json', /readings is \{\}; it must be a list/],
    ['a mode that is none', '{"values":{"temp":1},"mode":"old"}', 'json', /mode is "old"/],
    ['CSV without names', 'temp,21\n', 'csv', /must name the columns: name,value/],
    ['a column nobody reads', 'name,value,tme\n', 'csv', /"tme"; did you mean "time"/],
    ['a quote that never ends', 'name,value\n"temp,1\n', 'csv', /not CSV/],
  ] as const) {
    test(what, () => { assert.throws(() => push(body, { format }), { code: 'invalid', message: expected }) })
  }
  test('not UTF-8', () => {
    assert.throws(() => decodeBody(Uint8Array.of(0x7b, 0xff), 'json', createRecordReader({ tags, assets: null, numericTime: 'ms', nowUs: NOW })), { code: 'invalid', message: /UTF-8/ })
  })
})

test('content types', () => {
  assert.deepEqual(['application/json', 'Application/JSON; charset=UTF-8', 'application/x-ndjson', 'text/csv;charset="utf-8"', 'application/json; charset=latin1', 'application/xml', undefined, '__proto__'].map(formatOf),
    ['json', 'json', 'lines', 'csv', undefined, undefined, undefined, undefined])
  assert.throws(() => modeOf('simulation'), { code: 'invalid' })
})

test('a body is read and unpacked up to its limit, and no further', async () => {
  let given = 0
  async function* endless() {
    for (;;) {
      given += 1_000
      yield new Uint8Array(1_000)
    }
  }
  await assert.rejects(collect(endless(), 10_000), { code: 'too_large' })
  assert.ok(given <= 11_000)
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  assert.ok(bomb.byteLength < 100_000)
  await assert.rejects(inflate(bomb, 1_000_000), { code: 'too_large', message: /once unpacked/ })
  await assert.rejects(inflate(bomb.subarray(0, 1_000), 1_000_000_000), { code: 'invalid', message: /not gzip/ })
  assert.equal((await inflate(gzipSync('abc'), 3)).byteLength, 3)
})
