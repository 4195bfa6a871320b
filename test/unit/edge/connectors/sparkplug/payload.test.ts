import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { newCounters } from '../../../../../edge/connectors/sparkplug/counters.ts'
import { createHost } from '../../../../../edge/connectors/sparkplug/host.ts'
import { decodePayload } from '../../../../../edge/connectors/sparkplug/payload.ts'
import { tagsByNode } from '../../../../../edge/connectors/sparkplug/tags.ts'
import { metricNumber } from '../../../../../edge/connectors/sparkplug/value.ts'
import { createProgress } from '../../../../../edge/connectors/progress.ts'
import { createSuspects } from '../../../../../edge/connectors/suspects.ts'
import { connectorContext } from '../../../../helpers/connector-context.ts'
import { effort } from '../../../../helpers/effort.ts'
import { arrivalOf } from '../../../../helpers/mqtt-arrival.ts'
import { sparkplugPayload } from '../../../../helpers/sparkplug.ts'

test('integers: the sign in the bits of the type, of 32 or of 64; what does not fit is bad', () => {
  const number = (type: number, value: { int?: number; long?: bigint }) => {
    const [metric] = decodePayload(sparkplugPayload({ metrics: [{ name: 'x', type, ...value }] })).metrics
    assert.ok(metric)
    return metricNumber(metric, type).raw
  }
  assert.deepEqual([number(1, { int: 251 }), number(1, { int: 0xfffffffb }), number(1, { long: 2n ** 64n - 5n })], [-5, -5, -5])
  assert.deepEqual([number(2, { int: 0xfffe }), number(3, { int: 0xfffffffe }), number(4, { long: 2n ** 64n - 2n }), number(7, { long: 2n ** 32n - 1n })], [-2, -2, -2, 2 ** 32 - 1])
  assert.deepEqual([number(5, { int: 256 }), number(1, { int: 300 }), number(9, { int: 1 })], [NaN, NaN, NaN])
})

const PAYLOADS = effort(100_000)

test(`${PAYLOADS} damaged payloads: each is read or counted as malformed, and little is kept of them`, () => {
  const good = sparkplugPayload({ ms: 1_700_000_000_000, seq: 0, metrics: [{ name: 'bdSeq', type: 4, long: 3n }, { name: 'Oil/Temp', alias: 1, type: 10, double: 7, ms: 1_700_000_000_000 }, { name: 't', type: 12, text: 'x' }] })
  const counters = newCounters()
  const suspects = createSuspects(pino({ level: 'silent' }), () => 0)
  let settled = 0
  const host = createHost({
    nodes: tagsByNode(connectorContext(['g/n#Oil/Temp', 'g/n/d#x']).tags), rules: { reorderMs: 2_000, rebirthMs: 10_000, devicesMs: 10_000 }, maxPayload: 1024 * 1024, primaryHost: undefined,
    firstAskMs: null, refused: new Map(), counters, suspects: { ...suspects, settle(topic) { settled++; suspects.settle(topic) } }, missing: new Map(), progress: createProgress(0), nowUs: () => 0, nowMs: () => counters.messages,
  })
  const topics = ['NBIRTH/n', 'NDATA/n', 'NDEATH/n', 'DBIRTH/n/d', 'DDATA/n/d', 'DDEATH/n/d']
  fc.assert(fc.property(fc.uint8Array({ minLength: 800, maxLength: 800 }), (seeds) => {
    for (let i = 0; i < 800; i += 8) {
      const [how = 0, at = 0, byte = 0, topic = 0, ...rest] = seeds.subarray(i, i + 8)
      const payload = how % 4 === 0 ? Uint8Array.from(good.map((old, place) => (place === at % good.length ? byte : old)))
        : how % 4 === 1 ? good.subarray(0, at % good.length) : how % 4 === 2 ? Uint8Array.from([at, byte, ...rest]) : Uint8Array.from([...good.subarray(0, at % good.length), ...rest, ...good.subarray(byte % good.length)])
      host.hear([arrivalOf(`spBv1.0/g/${topics[topic % topics.length] ?? ''}`, payload)])
    }
  }), { numRuns: PAYLOADS / 100 })
  assert.equal(counters.messages, PAYLOADS)
  assert.equal(counters.malformed + settled, PAYLOADS)
  assert.ok(counters.malformed > PAYLOADS / 10 && settled > PAYLOADS / 10, `${counters.malformed} malformed, ${settled} read`)
  assert.ok(suspects.kept.length <= 10 && suspects.kept.every(({ start }) => start.length <= 400))
})
