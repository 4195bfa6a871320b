import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createGenerator, createNoise, hashText } from '../../../../../registry/domain/physics/prng.ts'

const N = 20_000

/** Mean 0 and variance 1 of normals, and correlation with the next, all within five standard errors. */
function looksNormal(values: readonly number[]): void {
  const mean = values.reduce((s, v) => s + v, 0) / values.length
  const variance = values.reduce((s, v) => s + v * v, 0) / values.length
  const next = values.slice(1).reduce((s, v, i) => s + v * (values[i] ?? 0), 0) / values.length
  const error = 5 / Math.sqrt(values.length)
  assert.ok(Math.abs(mean) < error && Math.abs(next) < error && Math.abs(variance - 1) < Math.SQRT2 * error, `${mean} ${variance} ${next}`)
}

describe('noise by index', () => {
  it('does not depend on the order of asking', () => {
    fc.assert(fc.property(fc.maxSafeInteger(), fc.string(), fc.array(fc.maxSafeInteger(), { maxLength: 20 }), (seed, name, indexes) => {
      const forth = createNoise(seed, name)
      const back = createNoise(seed, name)
      const expected = indexes.map((i) => [forth.uniform(i), forth.normal(i)])
      assert.deepEqual([...indexes].reverse().map((i) => [back.uniform(i), back.normal(i)]).reverse(), expected)
      for (const [u, z] of expected) assert.ok(u !== undefined && u >= 0 && u < 1 && Number.isFinite(z))
    }))
  })

  it('fills [0, 1) evenly and looks normal, at small indexes, beyond 2³² and at time steps', () => {
    for (const [from, step] of [[0, 1], [-10_000, 1], [2 ** 40, 1], [1_772_366_400_000_000, 1_000_000]] as const) {
      const noise = createNoise(7, 'temperature')
      const cells = new Array<number>(20).fill(0)
      for (let i = 0; i < N; i++) {
        const cell = Math.floor(noise.uniform(from + i * step) * 20)
        cells[cell] = (cells[cell] ?? 0) + 1
      }
      const chi2 = cells.reduce((s, c) => s + (c - N / 20) ** 2 / (N / 20), 0)
      assert.ok(chi2 < 50, `χ²(19) = ${chi2}`)
      looksNormal(Array.from({ length: N }, (_, i) => noise.normal(from + i * step)))
    }
  })

  it('gives other names and other seeds unrelated figures', () => {
    const streams = [createNoise(1, 'a'), createNoise(1, 'b'), createNoise(2, 'a'), createNoise(1 + 2 ** 32, 'a')]
    streams.forEach((a, i) => streams.slice(i + 1).forEach((b) => {
      let sum = 0
      for (let k = 0; k < N; k++) sum += a.normal(k) * b.normal(k)
      assert.ok(Math.abs(sum / N) < 5 / Math.sqrt(N))
    }))
    assert.notEqual(hashText('ab', 1), hashText('ba', 1))
  })
})

describe('sfc32 blocks', () => {
  it('repeats itself by seed, name and block, and looks normal', () => {
    const take = (block: number) => {
      const generator = createGenerator(3, 'vibration', block)
      return Array.from({ length: N }, () => generator.normal())
    }
    assert.deepEqual(take(5), take(5))
    assert.notDeepEqual(take(5).slice(0, 10), take(6).slice(0, 10))
    assert.notDeepEqual(take(5).slice(0, 10), take(5 + 2 ** 32).slice(0, 10))
    looksNormal(take(5))
    const firsts = Array.from({ length: N }, (_, block) => createGenerator(3, 'x', block).normal())
    looksNormal(firsts)
  })
})
