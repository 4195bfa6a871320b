import { refuse } from '../errors.ts'
import { checkedRowCount } from './standardise.ts'

type Rows = Float64Array | Float32Array

/**
 * Mean squared reconstruction error per row: the score of an autoencoder from its inputs and outputs (row-major, both
 * standardised). A network's NaN output gives a NaN score, never a small one.
 */
export function reconstructionErrors(inputs: Float64Array, outputs: Rows, features: number): Float64Array {
  const count = checkedRowCount(inputs, features)
  if (outputs.length !== inputs.length) {
    refuse('invalid', `the model gave ${outputs.length} numbers for ${inputs.length}; it was made for another feature set`)
  }
  const scores = new Float64Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    let sum = 0
    for (let j = 0; j < features; j++, at++) {
      const d = (inputs[at] as number) - (outputs[at] as number)
      sum += d * d
    }
    scores[i] = sum / features
  }
  return scores
}

/** Squared residual of each feature of one row; their mean is the row's reconstruction error. */
export function squaredResiduals(input: ArrayLike<number>, output: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: input.length }, (_, j) => ((input[j] as number) - (output[j] as number)) ** 2)
}
