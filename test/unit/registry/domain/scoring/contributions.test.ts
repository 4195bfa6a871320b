import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { topContributions } from '../../../../../registry/domain/scoring/contributions.ts'

test('are those of a list of all features, sorted by share; ties keep their order', () => {
  const part = fc.oneof(fc.double({ min: 0, max: 1e300, noNaN: true }), fc.constantFrom(0, 1, 1, 2, NaN, Infinity, -1, 1e308, 5e-324))
  fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 50 }), fc.integer({ min: 0, max: 10 }), (parts, limit) => {
    const features = parts.map((_, j) => `f${j}`)
    const top = topContributions(features, parts, limit)
    const all = topContributions(features, parts, parts.length)
    assert.deepEqual(top, all.slice(0, limit))
    assert.deepEqual(all, [...all].sort((a, b) => b.share - a.share || Number(a.feature.slice(1)) - Number(b.feature.slice(1))))
    const finite = parts.map((each) => (Number.isFinite(each) ? Math.max(0, each) : 0))
    if (Math.max(...finite) === 0) return assert.deepEqual(all, [])
    assert.equal(new Set(all.map(({ feature }) => feature)).size, parts.length)
    assert.ok(Math.abs(all.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9)
    assert.equal(finite[Number(all[0]?.feature.slice(1))], Math.max(...finite))
  }))
})
