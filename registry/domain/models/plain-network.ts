import type { DenseLayer, DenseNetwork } from './autoencoder.ts'

/**
 * The layers by plain arithmetic, for machines that have no library: sums in 64 bits, rounded to the 32 of the trained
 * network after each layer. So it is nearer to the exact value than a library's 32-bit sums, whose last bits depend on
 * the processor; the same row gives the same bits in any batch. One row at a time, a layer's outputs side by side: its
 * weights are read in the order in which they lie.
 */
export function createPlainNetwork(layers: readonly DenseLayer[]): DenseNetwork {
  const widest = Math.max(...layers.map(({ outputs }) => outputs))
  const sums = new Float64Array(widest)
  const activations = layers.map(({ outputs }) => new Float32Array(outputs))
  const last = layers.length - 1

  return {
    run(inputs, n) {
      const width = layers[0]?.inputs ?? 0
      const out = new Float32Array(n * (layers[last]?.outputs ?? 0))
      for (let row = 0; row < n; row++) {
        let x = inputs.subarray(row * width, (row + 1) * width)
        for (let at = 0; at <= last; at++) {
          const { inputs: taken, outputs, weights, bias } = layers[at] as DenseLayer
          const y = activations[at] as Float32Array
          for (let o = 0; o < outputs; o++) sums[o] = bias[o] as number
          for (let i = 0; i < taken; i++) {
            const value = x[i] as number
            const from = i * outputs
            for (let o = 0; o < outputs; o++) sums[o] = (sums[o] as number) + value * (weights[from + o] as number)
          }
          for (let o = 0; o < outputs; o++) y[o] = at === last ? sums[o] as number : Math.tanh(sums[o] as number)
          x = y
        }
        out.set(x, row * x.length)
      }
      return out
    },
    dispose() {
      // Holds no native memory.
    },
  }
}
