import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { kolmogorovTail, ksTwoSample } from '../../../../../registry/domain/drift/ks.ts'
import { binCounts, populationStabilityIndex, quantileEdges } from '../../../../../registry/domain/drift/psi.ts'
import { driftReferenceSchema, freezeReference } from '../../../../../registry/domain/drift/reference.ts'
import { benjaminiHochberg, checkDrift, driftThresholdsSchema } from '../../../../../registry/domain/drift/verdict.ts'

const values = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 60 })
const ascending = (list: readonly number[]) => Float64Array.from(list).sort()

function uniforms(n: number, seed: number): number[] {
  let state = seed >>> 0
  return Array.from({ length: n }, () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) + 0.5) / 2 ** 32)
}

describe('Kolmogorov–Smirnov', () => {
  it('is the largest distance between the distribution functions, ties included', () => {
    fc.assert(fc.property(values, values, (a, b) => {
      const share = (list: readonly number[], x: number) => list.filter((v) => v <= x).length / list.length
      const expected = Math.max(...[...a, ...b].map((x) => Math.abs(share(a, x) - share(b, x))))
      const { statistic, pValue } = ksTwoSample(ascending(a), ascending(b))
      assert.ok(Math.abs(statistic - expected) < 1e-12)
      assert.ok(pValue >= 0 && pValue <= 1)
      assert.deepEqual(ksTwoSample(ascending(b), ascending(a)), { statistic, pValue })
    }))
  })

  it('has the tail of the tables, without a step where the two series meet', () => {
    for (const [lambda, p] of [[0.5, 0.9639], [1, 0.27], [1.22385, 0.1], [1.3581, 0.05], [1.6276, 0.01]] as const) {
      assert.ok(Math.abs(kolmogorovTail(lambda) - p) < 1e-4, `${lambda}`)
    }
    assert.ok(Math.abs(kolmogorovTail(1.18 - 1e-9) - kolmogorovTail(1.18)) < 1e-7)
    assert.equal(kolmogorovTail(0), 1)
  })
})

describe('population stability index', () => {
  it('counts every value once, whatever the ties', () => {
    fc.assert(fc.property(values, values, fc.integer({ min: 2, max: 12 }), (reference, current, bins) => {
      const edges = quantileEdges(ascending(reference), bins)
      edges.forEach((edge, i) => assert.ok(i === 0 || edge > (edges[i - 1] ?? Infinity)))
      assert.equal(binCounts(current, edges).reduce((s, c) => s + c, 0), current.length)
      const psi = populationStabilityIndex(binCounts(reference, edges), binCounts(current, edges))
      assert.ok(psi >= 0 && Number.isFinite(psi))
    }))
  })

  it('is 0 for equal counts and large for values outside the reference', () => {
    const edges = quantileEdges(ascending(uniforms(1000, 1)), 10)
    const same = binCounts(uniforms(1000, 1), edges)
    assert.deepEqual(same, new Array<number>(10).fill(100))
    assert.equal(populationStabilityIndex(same, same), 0)
    assert.ok(populationStabilityIndex(same, binCounts(uniforms(1000, 2).map((v) => v + 2), edges)) > 2)
    assert.throws(() => populationStabilityIndex([1, 2], [1, 2, 3]), { code: 'invalid' })
  })

  it('sees a reference that never moved leave its value in either direction', () => {
    const edges = quantileEdges([4, 4, 4], 10)
    assert.deepEqual(binCounts([3.9, 4, 4, 4.1], edges), [1, 2, 1])
    assert.deepEqual(binCounts([-1, 0, 0, 1], quantileEdges([0, 0], 10)), [1, 2, 1])
  })
})

describe('drift verdict', () => {
  const thresholds = driftThresholdsSchema.parse({})
  const table = (...columns: number[][]) =>
    Float64Array.from((columns[0] ?? []).flatMap((_, i) => columns.map((column) => column[i] ?? NaN)))
  const normal = uniforms(2000, 7)
  const reference = freezeReference(['a', 'b', 'c'], table(normal, uniforms(2000, 8), uniforms(2000, 9)))

  it('names the feature that moved, and only it', () => {
    const report = checkDrift(reference, table(uniforms(300, 1), uniforms(300, 2).map((v) => v + 0.3), uniforms(300, 3)), thresholds)
    assert.equal(report.verdict, 'drift')
    assert.deepEqual(report.drifting, ['b'])
    assert.deepEqual(report.features.map((f) => f.verdict), ['none', 'drift', 'none'])
    const quorum = checkDrift(reference, table(uniforms(300, 1), uniforms(300, 2).map((v) => v + 0.3), uniforms(300, 3)), { ...thresholds, minFeatures: 2 })
    assert.equal(quorum.verdict, 'none')
  })

  it('stays calm on new rows of the same kind, and on a shift too small to matter', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const calm = table(uniforms(400, seed * 11), uniforms(400, seed * 13), uniforms(400, seed * 17))
      assert.equal(checkDrift(reference, calm, thresholds).verdict, 'none')
    }
    const many = freezeReference(['a'], table(uniforms(50_000, 3)))
    const report = checkDrift(many, table(uniforms(50_000, 4).map((v) => v * 0.9)), thresholds)
    assert.equal(report.verdict, 'none')
    assert.ok((report.features[0]?.pValue ?? 1) < 0.01, 'significant, yet small')
  })

  it('says when there is too little to judge, per feature and overall', () => {
    const few = checkDrift(reference, table(uniforms(99, 1), uniforms(99, 2), uniforms(99, 3)), thresholds)
    assert.equal(few.verdict, 'insufficient_data')
    const silent = checkDrift(reference, table(uniforms(200, 1), new Array<number>(200).fill(NaN), uniforms(200, 3)), thresholds)
    assert.equal(silent.verdict, 'none')
    assert.deepEqual([silent.features[1]?.verdict, silent.features[1]?.ks], ['insufficient_data', null])
    const unborn = freezeReference(['x'], table(new Array<number>(200).fill(NaN)))
    assert.equal(checkDrift(unborn, table(uniforms(200, 1)), thresholds).verdict, 'insufficient_data')
  })

  it('a reference survives JSON and does not depend on the order of its rows', () => {
    const parsed = driftReferenceSchema.parse(JSON.parse(JSON.stringify(reference)))
    const rows = table(uniforms(300, 1), uniforms(300, 2), uniforms(300, 3))
    assert.deepEqual(checkDrift(parsed, rows, thresholds), checkDrift(reference, rows, thresholds))
    assert.deepEqual(freezeReference(['a'], table([...normal].reverse())).features[0], reference.features[0])
    assert.throws(() => checkDrift(reference, new Float64Array(4), thresholds), { code: 'invalid' })
  })

  it('Benjamini–Hochberg: the published step-up, never below the plain p-value, monotone', () => {
    const adjusted = benjaminiHochberg([0.01, 0.04, 0.03, 0.005])
    const expected = [0.02, 0.04, 0.04, 0.02]
    adjusted.forEach((p, i) => assert.ok(Math.abs(p - (expected[i] ?? NaN)) < 1e-12))
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 }), fc.double({ min: 0.001, max: 0.5, noNaN: true }), (ps, q) => {
      const rejected = benjaminiHochberg(ps).filter((p) => p <= q).length
      const sorted = [...ps].sort((a, b) => a - b)
      let k = 0
      sorted.forEach((p, i) => { if ((p * ps.length) / (i + 1) <= q) k = i + 1 })
      assert.equal(rejected, k)
    }))
    assert.throws(() => benjaminiHochberg([NaN]), { code: 'invalid' })
  })
})
