import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkUnit } from '../../../../../registry/domain/contract/unit.ts'
import { BAD, GOOD, qualityLevel, qualityReasons, qualityReasonsOf, UNCERTAIN, type QualityReason } from '../../../../../registry/domain/contract/quality.ts'
import { nodeIdOn, parseNodeAddress } from '../../../../../edge/connectors/opcua/address.ts'
import { draftSiteTags } from '../../../../../edge/connectors/opcua/draft-site-tags.ts'
import { addGap, advanceOldest, pruneGaps, readGaps, type Gap } from '../../../../../edge/connectors/opcua/gap-list.ts'
import { opcUa, opcUaConnectionSchema } from '../../../../../edge/connectors/opcua/index.ts'
import { inChunks, planItems } from '../../../../../edge/connectors/opcua/item-plan.ts'
import { createItemTrack } from '../../../../../edge/connectors/opcua/item-track.ts'
import { measure } from '../../../../../edge/connectors/opcua/data-value.ts'
import { createSequence } from '../../../../../edge/connectors/opcua/sequence.ts'
import { hasOverflowed, qualityOfStatus } from '../../../../../edge/connectors/opcua/status-quality.ts'
import { ucumOf, ucumOfUnece, uneceCode } from '../../../../../edge/connectors/opcua/units.ts'
import { samplesOf, scalarOf } from '../../../../../edge/connectors/opcua/value.ts'

const of = (status: number): [string, QualityReason[]] => [qualityLevel(qualityOfStatus(status)), qualityReasonsOf(qualityOfStatus(status))]

test('a node id is read with index or URI; anything else is refused with the cure', () => {
  assert.deepEqual(parseNodeAddress('ns=2;s=a;b=c'), { namespace: 2, identifier: 's=a;b=c' })
  assert.deepEqual(parseNodeAddress('i=2258'), { namespace: 0, identifier: 'i=2258' })
  assert.deepEqual(parseNodeAddress('nsu=urn:x%3By;i=7'), { namespace: 'urn:x;y', identifier: 'i=7' })
  assert.equal(nodeIdOn(parseNodeAddress('nsu=urn:b;i=7'), ['urn:a', 'urn:b']), 'ns=1;i=7')
  assert.equal(nodeIdOn(parseNodeAddress('nsu=urn:c;i=7'), ['urn:a', 'urn:b']), undefined)
  for (const bad of ['', 'Temp', 'ns=2;Temp', 'ns=x;i=1', 'i=abc', 'i=4294967296', 'ns=70000;i=1', 'g=12', 'ns=2;s=']) {
    assert.throws(() => parseNodeAddress(bad), { code: 'invalid', message: /write e\.g\. ns=2;s=Pump\.Temp/ })
  }
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      parseNodeAddress(text)
    } catch (error) {
      assert.equal((error as { code: string }).code, 'invalid')
    }
  }))
})

test('a status code becomes level and reasons', () => {
  assert.deepEqual(of(0), ['good', []])
  assert.deepEqual(of(0x00960000), ['good', ['substituted']])
  assert.deepEqual(of(0x408f0000), ['uncertain', ['communication', 'substituted']])
  assert.deepEqual(of(0x80310000), ['bad', ['communication']])
  assert.deepEqual(of(0x808c0000), ['bad', ['device']])
  assert.deepEqual(of(0x9fff0000), ['bad', ['device']])
  // Good, info type DataValue, held at its high limit; then constant; then the limit bits without the info type.
  assert.deepEqual(of(0x00000600), ['good', ['range']])
  assert.deepEqual(of(0x00000700), ['good', []])
  assert.deepEqual(of(0x00000200), ['good', []])
  assert.deepEqual([hasOverflowed(0x480), hasOverflowed(0x80), hasOverflowed(0)], [true, false, false])
  fc.assert(fc.property(fc.nat(0xffffffff), (status) => {
    const level = qualityOfStatus(status) & 3
    assert.equal(level, [GOOD, UNCERTAIN, BAD, BAD][status >>> 30])
  }))
})

test('numbers of every built-in type are read; what is no number is refused by its name', () => {
  assert.equal(scalarOf({ dataType: 1, arrayType: 0, value: true }), 1)
  assert.equal(scalarOf({ dataType: 8, arrayType: 0, value: [0xffffffff, 0xfffffffe] }), -2)
  assert.equal(scalarOf({ dataType: 9, arrayType: 0, value: [1, 5] }), 2 ** 32 + 5)
  assert.ok(Number.isNaN(scalarOf({ dataType: 0, arrayType: 0, value: null })))
  assert.deepEqual(scalarOf({ dataType: 12, arrayType: 0, value: '7' }), { refused: 'String' })
  assert.match((scalarOf({ dataType: 10, arrayType: 1, value: Float32Array.of(1) }) as { refused: string }).refused, /map it as a waveform/)
  assert.deepEqual(samplesOf({ dataType: 8, arrayType: 1, value: [[0, 1], [0xffffffff, 0xffffffff]] }), Float32Array.of(1, -1))
  assert.deepEqual(samplesOf({ dataType: 12, arrayType: 1, value: ['a'] }), { refused: 'an array of String' })
  assert.deepEqual(samplesOf({ dataType: 11, arrayType: 0, value: 3 }), { refused: 'a single Double, not an array' })
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }), (n) => {
    const bits = BigInt.asUintN(64, n)
    assert.equal(scalarOf({ dataType: 8, arrayType: 0, value: [Number(bits >> 32n), Number(bits & 0xffffffffn)] }), Number(n))
  }))
  fc.assert(fc.property(fc.nat(30), fc.nat(3), fc.anything(), (dataType, arrayType, value) => {
    const [scalar, samples] = [scalarOf({ dataType, arrayType, value }), samplesOf({ dataType, arrayType, value })]
    assert.ok(typeof scalar === 'number' || typeof scalar.refused === 'string')
    assert.ok(samples instanceof Float32Array || typeof samples.refused === 'string')
  }), { numRuns: 2_000 })
})

const item = (options: object = {}) => ({ address: 'i=1', kind: 'scalar' as const, samplingMs: 100, queueSize: 2, deadband: null, options: undefined, ...options })
const double = (value: number | null) => ({ dataType: value === null ? 0 : 11, arrayType: 0, value })

test('a value keeps its source time to the microsecond; without one it has the server\'s or ours, flagged', () => {
  const [sourceTimestamp, serverTimestamp] = [new Date(1_000), new Date(2_000)]
  const good = { value: double(5), statusCode: { value: 0 } }
  assert.deepEqual(measure(item(), { ...good, sourceTimestamp, sourcePicoseconds: 123_400_000, serverTimestamp }, 9), { kind: 'reading', reading: { address: 'i=1', sourceUs: 1_000_123, raw: 5, quality: 0 } })
  const server = measure(item(), { ...good, sourceTimestamp: new Date(-11644473600000), serverTimestamp }, 9)
  assert.deepEqual(server, { kind: 'reading', reading: { address: 'i=1', sourceUs: 2_000_000, raw: 5, quality: qualityReasons.clock } })
  const ours = measure(item(), { ...good, sourceTimestamp: null }, 9)
  assert.deepEqual(ours, { kind: 'reading', reading: { address: 'i=1', sourceUs: 9, raw: 5, quality: qualityReasons.clock } })
  const empty = measure(item(), { value: double(null), statusCode: { value: 0 }, sourceTimestamp }, 9)
  assert.ok(empty.kind === 'reading' && empty.reading.quality === (BAD | qualityReasons.missing))
  const long = measure(item(), { value: { dataType: 9, arrayType: 0, value: [0xffffffff, 0xffffffff] }, statusCode: { value: 0 }, sourceTimestamp }, 9)
  assert.ok(long.kind === 'reading' && long.reading.quality === UNCERTAIN)
})

test('repetitions are dropped, late values kept, and what stood through an outage is told once more', () => {
  const counters = { duplicates: 0, out_of_order: 0 }
  const track = createItemTrack({ deliveredUs: 100, createdUs: 150, counters })
  const reading = (sourceUs: number, raw: number, quality = 0) => ({ address: 'a', sourceUs, raw, quality })
  assert.deepEqual(track.reading(reading(90, 1), 160), reading(150, 1, qualityReasons.substituted))
  assert.equal(track.firstUs('a'), 150)
  assert.equal(track.reading(reading(90, 1), 170), null)
  assert.deepEqual(track.reading(reading(200, 2), 210), reading(200, 2))
  assert.deepEqual(track.reading(reading(180, 3), 210), reading(180, 3))
  assert.equal(track.reading(reading(200, 2), 220), null)
  assert.deepEqual(track.reading(reading(200, 2, BAD), 230), reading(230, 2, BAD | qualityReasons.clock))
  assert.deepEqual(counters, { duplicates: 2, out_of_order: 1 })
  const fresh = createItemTrack({ deliveredUs: undefined, createdUs: 150, counters })
  assert.deepEqual(fresh.reading(reading(90, 1), 160), reading(90, 1))
})

test('sequence numbers tell what is missing and what came twice, also where they begin anew', () => {
  const sequence = createSequence()
  assert.deepEqual(sequence.accept(0xfffffffe, false), { duplicate: false, missing: [], skipped: 0 })
  assert.deepEqual(sequence.accept(0xffffffff, true), { duplicate: false, missing: [], skipped: 0 })
  assert.deepEqual(sequence.accept(0xffffffff, false), { duplicate: false, missing: [], skipped: 0 })
  assert.deepEqual(sequence.accept(3, false), { duplicate: false, missing: [1, 2], skipped: 2 })
  assert.deepEqual(sequence.accept(2, false), { duplicate: true, missing: [], skipped: 0 })
  assert.deepEqual(sequence.accept(6, true), { duplicate: false, missing: [4, 5], skipped: 2 })
  assert.deepEqual(createSequence(2).accept(7, false), { duplicate: false, missing: [], skipped: 0 })
  const short = createSequence(2)
  short.accept(1, false)
  assert.deepEqual(short.accept(9, false), { duplicate: false, missing: [2, 3], skipped: 7 })
})

test('gaps are kept until they are filled, address by address, and never grow without end', () => {
  const gap: Gap = { toUs: 50, fromUs: { a: 10, b: 10 } }
  const other: Gap = { toUs: 90, fromUs: { a: 80 } }
  const part = advanceOldest([gap, other], 'a', 30)
  assert.deepEqual(part, [{ toUs: 50, fromUs: { b: 10, a: 30 } }, other])
  assert.deepEqual(advanceOldest(advanceOldest(part, 'a', null), 'b', null), [other])
  assert.deepEqual(pruneGaps([gap, other], new Set(['a']), 20), [{ toUs: 50, fromUs: { a: 20 } }, other])
  assert.deepEqual(pruneGaps([gap], new Set(['a']), 60), [])
  assert.deepEqual(readGaps(JSON.parse(JSON.stringify(part))), part)
  assert.deepEqual([readGaps(undefined), readGaps('x'), readGaps([{ toUs: 'late' }])], [[], [], []])
  fc.assert(fc.property(fc.array(fc.record({ toUs: fc.nat(1000), fromUs: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.nat(1000)) }), { maxLength: 60 }), (gaps) => {
    const all = gaps.reduce<Gap[]>((list, one) => addGap(list, one), [])
    assert.ok(all.length <= 20)
    // Every moment that was to be asked for still is.
    for (const { fromUs, toUs } of gaps) {
      for (const [address, from] of Object.entries(fromUs)) {
        if (from < toUs) assert.ok(all.some((one) => (one.fromUs[address] ?? Infinity) <= from && one.toUs >= toUs))
      }
    }
  }))
})

test('one item an address: the fastest sampling, the smallest deadband, a queue that holds a publishing interval', () => {
  const config = opcUa.config.parse({ endpoint: 'opc.tcp://h:4840', publishing: '1s', nodes: { 'i=2': { sampling: '10ms', queueSize: 5, deadbandPercent: 2 } } })
  const tag = (address: string, everyMs: number | null, deadband: number | null) => ({ address, tag: 'a/b', kind: 'scalar' as const, everyMs, deadband })
  assert.deepEqual(planItems([tag('i=1', 200, 3), tag('i=1', 500, 2), tag('i=2', null, null), tag('i=3', null, null)], config).map(({ address, samplingMs, queueSize, deadband }) => [address, samplingMs, queueSize, deadband]), [
    ['i=1', 200, 6, { kind: 'absolute', value: 2 }], ['i=2', 10, 5, { kind: 'percent', value: 2 }], ['i=3', 1_000, 2, null],
  ])
  assert.deepEqual([inChunks([1, 2, 3], 2), inChunks([1, 2, 3], 0), inChunks([], 5)], [[[1, 2], [3]], [[1, 2, 3]], []])
})

test('a config that would give the password to anybody, and a waveform without a rate, are refused with the cure', () => {
  const open = { endpoint: 'opc.tcp://h:4840', security: { mode: 'None' }, user: { name: 'u', password: { env: 'P' } } }
  assert.match(opcUa.config.safeParse(open).error?.issues[0]?.message ?? '', /anybody may pose as the server/)
  assert.ok(!opcUaConnectionSchema.safeParse(open).success)
  assert.ok(opcUa.config.safeParse({ ...open, allowPasswordWithoutSecurity: true }).success)
  assert.ok(!opcUa.config.safeParse({ endpoint: 'http://h' }).success)
  const config = opcUa.config.parse({ endpoint: 'opc.tcp://h:4840', nodes: { 'i=1': { sampleRateHz: 10 } } })
  assert.equal(config.security.mode, 'SignAndEncrypt')
  assert.throws(() => { opcUa.checkAddress('i=2', 'waveform', config) }, { code: 'invalid', message: /sampleRateHz/ })
  assert.throws(() => { opcUa.checkAddress('i=1', 'scalar', config) }, { code: 'invalid' })
  opcUa.checkAddress('i=1', 'waveform', config)
})

test('every unit of the table is one; others go by what is shown, never by a lone C', () => {
  for (const [code, unit] of Object.entries(ucumOfUnece)) checkUnit(unit, code)
  assert.equal(uneceCode(4408652), 'CEL')
  const un = 'http://www.opcfoundation.org/UA/units/un/cefact'
  assert.equal(ucumOf({ namespaceUri: un, unitId: 4408652, displayName: { text: '°C' } }), 'Cel')
  assert.equal(ucumOf({ unitId: -1, displayName: { text: 'mm/s' } }), 'mm/s')
  assert.equal(ucumOf({ unitId: -1, displayName: { text: 'C' } }), null)
  assert.equal(ucumOf({ displayName: { text: 'furlongs per fortnight' } }), null)
})

test('a draft names every tag once and asks a person where it must', () => {
  const variable = (path: string[], more: object = {}) => ({
    address: `ns=2;s=${path.join('.')}`, nodeId: '', path, dataType: 'Double', isNumber: true, isArray: false, unit: 'bar', unitText: 'bar', range: null, ...more,
  })
  const { yaml, tags, left } = draftSiteTags([
    variable(['Line', 'Pump Ä', 'MotorTemp']), variable(['Line', 'Pump A', 'MotorTemp'], { unit: null, unitText: 'grad' }), variable(['###'], { isArray: true }), variable(['Name'], { isNumber: false }),
  ], { id: 'plc', endpoint: 'opc.tcp://h:4840' })
  assert.deepEqual([tags, left], [3, 1])
  assert.match(yaml, /tag: pump-a\/motor-temp, /)
  assert.match(yaml, /tag: pump-a\/motor-temp-2,.*unit: "1" \} # the server's unit is "grad": write its UCUM code/)
  assert.match(yaml, /tag: asset\/value,.*kind: waveform.*# set its sampleRateHz/)
})
