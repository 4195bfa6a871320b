import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fCumulative, fQuantile, normalQuantile } from '../../../../../registry/domain/scoring/distributions.ts'
import { jacksonMudholkarLimit, t2FLimit } from '../../../../../registry/domain/scoring/pca-limits.ts'
import { createPcaScorer, fitPca, pcaContributions, pcaStateSchema } from '../../../../../registry/domain/scoring/pca.ts'

const WIDTH = 6

/** Two hidden factors in six features, plus noise; a small congruential generator keeps the test repeatable. */
function rowsOf(count: number, seed: number): Float64Array {
  let state = seed >>> 0
  const uniform = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) + 0.5) / 2 ** 32
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  const out: number[] = []
  for (let i = 0; i < count; i++) {
    const [u, v] = [normal(), normal()]
    out.push(u, 0.8 * u + 0.2 * v, v, -v, 0.5 * (u + v), 0.5 * (u - v))
  }
  return Float64Array.from(out, (x) => x + 0.1 * normal())
}

const training = rowsOf(2000, 1)

describe('limits', () => {
  it('agree with tables', () => {
    assert.ok(Math.abs(normalQuantile(0.975) - 1.959963985) < 1e-7)
    assert.ok(Math.abs(normalQuantile(0.001) + 3.090232306) < 1e-7)
    assert.ok(Math.abs(fQuantile(0.95, 3, 10) - 3.708265) < 1e-5)
    assert.ok(Math.abs(fQuantile(0.99, 5, 1000) - 3.0356) < 1e-3)
    assert.ok(Math.abs(fCumulative(1, 7, 7) - 0.5) < 1e-12)
    // χ² with one degree of freedom at 99 %: 6.635, which the approximation meets within 2 %.
    assert.ok(Math.abs(jacksonMudholkarLimit([2], 0.99) / 2 - 6.635) < 0.13)
    // With many rows Hotelling's limit tends to χ²(2) at 95 %: 5.991.
    assert.ok(Math.abs(t2FLimit(2, 1e6, 0.95) - 5.9915) < 1e-3)
  })
})

describe('PCA monitor', () => {
  it('finds the two factors and keeps its state through JSON', () => {
    const state = pcaStateSchema.parse(JSON.parse(JSON.stringify(fitPca(training, WIDTH))))
    assert.equal(state.components, 2)
    assert.ok(state.explained > 0.95)
    const direct = createPcaScorer(fitPca(training, WIDTH))(training)
    assert.deepEqual(createPcaScorer(state)(training), direct)
  })

  it('components are orthonormal', () => {
    const { loadings, components } = fitPca(training, WIDTH, { explainedVariance: 0.999 })
    for (let a = 0; a < components; a++) {
      for (let b = 0; b < components; b++) {
        let dot = 0
        for (let j = 0; j < WIDTH; j++) dot += (loadings[a * WIDTH + j] ?? 0) * (loadings[b * WIDTH + j] ?? 0)
        assert.ok(Math.abs(dot - (a === b ? 1 : 0)) < 1e-10)
      }
    }
  })

  it('fixes the sign of every component, and its variances add up to those of the features', () => {
    const { loadings, components, eigenvalues } = fitPca(training.map((v) => -v), WIDTH, { explainedVariance: 0.999 })
    for (let c = 0; c < components; c++) {
      const component = loadings.slice(c * WIDTH, (c + 1) * WIDTH)
      assert.ok(Math.max(...component) >= Math.max(...component.map((v) => -v)))
    }
    assert.deepEqual(loadings, fitPca(training, WIDTH, { explainedVariance: 0.999 }).loadings)
    const total = training.reduce((sum, v) => sum + v * v, 0) / (training.length / WIDTH - 1)
    assert.ok(Math.abs(eigenvalues.reduce((sum, v) => sum + v, 0) - total) < 1e-9 * total)
  })

  it('limits of both methods let about their share of new normal rows pass', () => {
    for (const limitMethod of ['quantile', 'theory'] as const) {
      const state = fitPca(training, WIDTH, { limitMethod, confidenceLevel: 0.95 })
      const { t2, q } = createPcaScorer(state)(rowsOf(4000, 99))
      for (const [values, limit] of [[t2, state.t2Limit], [q, state.qLimit]] as const) {
        const share = values.filter((v) => v > limit).length / values.length
        assert.ok(share > 0.03 && share < 0.08, `${limitMethod} ${share}`)
      }
    }
  })

  it('T² sees a large normal pattern, Q a broken relation', () => {
    const state = fitPca(training, WIDTH)
    const { t2, q } = createPcaScorer(state)(Float64Array.of(9, 7.2, 0, 0, 4.5, 4.5, 0, 0, 1.5, 1.5, 0, 0))
    assert.ok((t2[0] ?? 0) > state.t2Limit && (q[0] ?? 9) < state.qLimit)
    assert.ok((q[1] ?? 0) > state.qLimit && (t2[1] ?? 9) < state.t2Limit)
  })

  it('a row has the same score to the bit in any batch', () => {
    const score = createPcaScorer(fitPca(training, WIDTH))
    const all = score(training)
    for (const i of [0, 7, 1999]) {
      assert.equal(score(training.slice(i * WIDTH, (i + 1) * WIDTH)).combined[0], all.combined[i])
    }
  })

  it('contributions are never negative and sum to the combined index', () => {
    const state = fitPca(training, WIDTH)
    const score = createPcaScorer(state)
    fc.assert(fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: WIDTH, maxLength: WIDTH }), (row) => {
      const parts = pcaContributions(state, row)
      const index = score(Float64Array.from(row)).combined[0] ?? NaN
      assert.ok(parts.every((part) => part >= 0))
      assert.ok(Math.abs(parts.reduce((s, v) => s + v, 0) - index) <= 1e-9 * (1 + index))
    }))
  })

  it('refuses too few, constant or unfinished rows', () => {
    assert.throws(() => fitPca(training.subarray(0, 6 * WIDTH), WIDTH), { code: 'insufficient_data' })
    assert.throws(() => fitPca(new Float64Array(50 * WIDTH), WIDTH), { code: 'insufficient_data' })
    assert.throws(() => fitPca(new Float64Array(50 * WIDTH).fill(NaN), WIDTH), { code: 'invalid' })
    assert.throws(() => fitPca(training, 1), { code: 'invalid' })
    assert.throws(() => createPcaScorer(fitPca(training, WIDTH))(new Float64Array(7)), { code: 'invalid' })
  })
})
