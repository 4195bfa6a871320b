import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fitStandardiser, standardise, standardiserSchema } from '../../../../../registry/domain/scoring/standardise.ts'
import { topContributions } from '../../../../../registry/domain/scoring/contributions.ts'

describe('standardise', () => {
  it('gives training rows mean 0 and deviation 1, and survives JSON', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.nat(1000)), { minLength: 3, maxLength: 60 }), (pairs) => {
      const rows = Float64Array.from(pairs.flat())
      const state = standardiserSchema.parse(JSON.parse(JSON.stringify(fitStandardiser(['a', 'b'], rows))))
      const out = standardise(state, rows).rows
      for (const j of [0, 1]) {
        const column = pairs.map((_, i) => out[2 * i + j] ?? NaN)
        const mean = column.reduce((s, v) => s + v, 0) / column.length
        const variance = column.reduce((s, v) => s + (v - mean) ** 2, 0) / column.length
        assert.ok(Math.abs(mean) < 1e-6)
        if (!state.constant.includes(['a', 'b'][j] ?? '')) assert.ok(Math.abs(variance - 1) < 1e-6)
      }
    }))
  })

  it('gives a feature that never moved a floor, so that its first move is seen and finite', () => {
    const state = fitStandardiser(['a', 'zero'], Float64Array.of(50, 0, 50, 0, 50, 0))
    assert.deepEqual(state.constant, ['a', 'zero'])
    const { rows } = standardise(state, Float64Array.of(51, 0))
    assert.ok(Math.abs((rows[0] ?? 0) - 2) < 1e-12)
    assert.equal(rows[1], 0)
  })

  it('imputes a missing value by the mean and counts it', () => {
    const state = fitStandardiser(['a', 'b'], Float64Array.of(1, 1, 3, NaN, 5, 3))
    assert.deepEqual(state.means, [3, 2])
    const { rows, imputed } = standardise(state, Float64Array.of(NaN, 2, 3, NaN, NaN, NaN))
    assert.deepEqual([...rows], [0, 0, 0, 0, 0, 0])
    assert.deepEqual([...imputed], [1, 1, 2])
  })

  it('refuses what cannot be standardised, with its reason', () => {
    assert.throws(() => fitStandardiser(['a'], Float64Array.of(1)), { code: 'insufficient_data' })
    assert.throws(() => fitStandardiser(['a', 'dead'], Float64Array.of(1, NaN, 2, NaN)), /"dead"/)
    assert.throws(() => fitStandardiser(['a', 'b'], Float64Array.of(1, 2, 3)), { code: 'invalid' })
    assert.throws(() => fitStandardiser(['a'], Float64Array.of(1, Infinity)), { code: 'invalid' })
  })
})

describe('contributions', () => {
  it('names the drivers, largest first, with shares that sum to one', () => {
    const names = ['a', 'b', 'c', 'd']
    assert.deepEqual(topContributions(names, [3, 4, NaN, 1], 2), [{ feature: 'b', share: 0.5 }, { feature: 'a', share: 0.375 }])
    assert.deepEqual(topContributions(names, [0, 0, 0, 0], 3), [])
    fc.assert(fc.property(fc.array(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), { minLength: 4, maxLength: 4 }), (parts) => {
      const top = topContributions(names, parts, 4)
      if (top.length > 0) assert.ok(Math.abs(top.reduce((s, c) => s + c.share, 0) - 1) < 1e-9)
    }))
  })
})
