import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { networkInputs, reconstructionErrors } from '../../../../../registry/domain/scoring/reconstruction.ts'
import { bounded, fitStandardiser, standardise, type Standardiser } from '../../../../../registry/domain/scoring/standardise.ts'

const CLIP = 10

/** Values around a training level, far from it, and what is none. */
const value = fc.oneof(
  { weight: 8, arbitrary: fc.double({ min: -20, max: 20, noNaN: true }) },
  fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, 1e300, -1e300, Number.MAX_VALUE, -0, 5e-324),
)
const block = (width: number) => fc.array(fc.array(value, { minLength: width, maxLength: width }), { maxLength: 12 })
/** Widths around whole fours. */
const sized = fc.integer({ min: 1, max: 13 }).chain((width) => fc.record({
  width: fc.constant(width), rows: block(width),
  outputs: fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 12 * width, maxLength: 12 * width }),
}))

function fitted(width: number): Standardiser {
  const rows = Float64Array.from({ length: 20 * width }, (_, i) => Math.sin(i * 1.7) * (1 + i % 3))
  return fitStandardiser(Array.from({ length: width }, (_, j) => `f${j}`), rows)
}

/** One step after the other, one value after the other. */
function plainInputs(state: Standardiser, rows: Float64Array) {
  const { rows: standardised, imputed } = standardise(state, rows)
  return { standardised: standardised.map(bounded), inputs: Float32Array.from(standardised, (v) => Math.min(CLIP, Math.max(-CLIP, v))), missing: imputed }
}

function plainErrors(row: readonly number[], output: readonly number[]) {
  const squares = row.map((v, j) => (v - output[j]!) * (v - output[j]!))
  let sum = 0
  while (squares.length >= 4) {
    const [a, b, c, d] = squares.splice(0, 4) as [number, number, number, number]
    sum += (a + b) + (c + d)
  }
  return { score: squares.reduce((total, part) => total + part, sum) * (1 / row.length), parts: row.map((v, j) => (v - output[j]!) ** 2 * (1 / row.length)) }
}

describe('network inputs', () => {
  it('are standardised, bounded and clipped rows to the bit, whatever the width and the values', () => {
    fc.assert(fc.property(sized, ({ width, rows }) => {
      const state = fitted(width)
      const flat = Float64Array.from(rows.flat())
      assert.deepEqual(networkInputs(state, CLIP, flat), plainInputs(state, flat))
    }), { numRuns: 300 })
  })

  it('hold no value beyond what can be squared, also when the clip is wider than that', () => {
    const { standardised } = networkInputs(fitted(4), 1e200, new Float64Array(4).fill(1e180))
    for (const v of standardised) assert.ok(Number.isFinite(v * v * 4))
  })

  it('do not depend on what is beside a row', () => {
    fc.assert(fc.property(sized, ({ width, rows }) => {
      const state = fitted(width)
      const together = networkInputs(state, CLIP, Float64Array.from(rows.flat()))
      rows.forEach((row, i) => {
        const alone = networkInputs(state, CLIP, Float64Array.from(row))
        assert.deepEqual(alone.standardised, together.standardised.slice(i * width, (i + 1) * width))
        assert.deepEqual(alone.inputs, together.inputs.slice(i * width, (i + 1) * width))
        assert.equal(alone.missing[0], together.missing[i])
      })
    }))
  })

  it('refuses a block that is not a whole number of rows', () => {
    assert.throws(() => networkInputs(fitted(3), CLIP, new Float64Array(4)), { code: 'invalid' })
  })
})

describe('reconstruction errors', () => {
  it('are the mean of the squared differences, and leave each feature\'s part of it', () => {
    const x = Float64Array.of(1, 2, 3, 4, 5, 6)
    assert.deepEqual([...reconstructionErrors(x, Float32Array.of(1, 0, 3, 4, 5, 9), 2)], [2, 0, 4.5])
    assert.deepEqual([...x], [0, 2, 0, 0, 0, 4.5])
  })

  it('equal the plain sum of each row in fours to the bit, whatever is beside it', () => {
    fc.assert(fc.property(sized, ({ width, rows, outputs }) => {
      const { standardised } = networkInputs(fitted(width), CLIP, Float64Array.from(rows.flat()))
      const expected = rows.map((_, i) => plainErrors([...standardised.slice(i * width, (i + 1) * width)], outputs.slice(i * width, (i + 1) * width)))
      const scores = reconstructionErrors(standardised, Float32Array.from(outputs.slice(0, standardised.length)), width)
      assert.deepEqual([...scores], expected.map(({ score }) => score))
      assert.deepEqual([...standardised], expected.flatMap(({ parts }) => parts))
    }), { numRuns: 300 })
  })

  it('are NaN for a network that gives NaN, in whatever place, and refuse outputs of another size', () => {
    for (let at = 0; at < 6; at++) {
      const outputs = new Float32Array(6)
      outputs[at] = Number.NaN
      assert.ok(Number.isNaN(reconstructionErrors(new Float64Array(6), outputs, 6)[0]))
    }
    assert.throws(() => reconstructionErrors(new Float64Array(6), new Float32Array(5), 3), { code: 'invalid' })
  })
})
