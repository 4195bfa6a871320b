import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { batchHeaderExample, batchHeaderSchema, laneOf } from '../../../../../registry/domain/contract/batch.ts'
import { gatewayReplyExample, gatewayReplySchema, gatewayReportExample, gatewayReportSchema } from '../../../../../registry/domain/contract/gateway-report.ts'
import { assetImportExample, assetImportSchema } from '../../../../../registry/domain/contract/hierarchy.ts'
import { maintenanceEventExample, maintenanceEventSchema } from '../../../../../registry/domain/contract/maintenance.ts'
import { qualityCode, qualityLevel, qualityReasons, qualityReasonsOf, type QualityLevel, type QualityReason } from '../../../../../registry/domain/contract/quality.ts'
import { readingExample, readingSchema, waveformExample, waveformSchema } from '../../../../../registry/domain/contract/reading.ts'
import { scoredEventExample, scoredEventSchema } from '../../../../../registry/domain/contract/scored-event.ts'
import { isoToMicros, microsToIso } from '../../../../../registry/domain/contract/time.ts'

const contract = [
  ['batch header', batchHeaderSchema, batchHeaderExample],
  ['reading', readingSchema, readingExample],
  ['waveform', waveformSchema, waveformExample],
  ['asset import', assetImportSchema, assetImportExample],
  ['maintenance event', maintenanceEventSchema, maintenanceEventExample],
  ['scored event', scoredEventSchema, scoredEventExample],
  ['gateway report', gatewayReportSchema, gatewayReportExample],
  ['gateway reply', gatewayReplySchema, gatewayReplyExample],
] as const

for (const [name, schema, example] of contract) {
  test(`the ${name} example fits its schema and survives JSON`, () => {
    const parsed = schema.parse(example)
    assert.deepEqual(schema.parse(JSON.parse(JSON.stringify(parsed))), parsed)
  })

  test(`a ${name} without any one required field is refused`, () => {
    for (const key of Object.keys(example)) {
      const rest: Record<string, unknown> = { ...example }
      delete rest[key]
      const result = schema.safeParse(rest)
      // Optional fields come back filled by their default; a required one is named in the refusal.
      if (!result.success) assert.ok(result.error.issues.some((issue) => issue.path[0] === key), `${key}: ${result.error.message}`)
    }
    assert.equal(schema.safeParse({}).success, false)
  })
}

test('a batch header of another contract version, a zero sequence or a short epoch is refused', () => {
  for (const wrong of [{ contract: 2 }, { sequence: 0 }, { epoch: 'abc' }, { mode: 'replay' }, { count: 0 }, { site: 'Upper Case' }, { traceId: 'x' }])
    assert.equal(batchHeaderSchema.safeParse({ ...batchHeaderExample, ...wrong }).success, false, JSON.stringify(wrong))
})

test('only backfill uses the backfill lane', () => {
  assert.deepEqual((['live', 'simulation', 'backfill'] as const).map(laneOf), ['live', 'live', 'backfill'])
})

test('instants round-trip to the microsecond', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 4_102_444_800_000_000 }), (micros) => assert.equal(isoToMicros(microsToIso(micros)), micros)))
  assert.equal(isoToMicros('2026-03-01T13:00:00.000250+01:00'), isoToMicros('2026-03-01T12:00:00.00025Z'))
  for (const wrong of ['2026-03-01', 'yesterday', '2026-13-01T00:00:00Z', '2026-03-01T12:00:00']) assert.throws(() => isoToMicros(wrong), { code: 'invalid' })
})

test('quality keeps its level and every reason', () => {
  const reasons = Object.keys(qualityReasons) as QualityReason[]
  fc.assert(fc.property(fc.constantFrom<QualityLevel>('good', 'uncertain', 'bad'), fc.subarray(reasons), (level, some) => {
    const code = qualityCode(level, some)
    assert.ok(code >= 0 && code <= 0x7fff)
    assert.equal(qualityLevel(code), level)
    assert.deepEqual(qualityReasonsOf(code), some)
  }))
})
