import { createAutoencoderModel, type DenseLayer, type DenseNetwork, type FittedAutoencoder } from '../../registry/domain/models/autoencoder.ts'
import type { Model } from '../../registry/domain/models/model.ts'
import { scoringOps, type DenseOps } from './dense-ops.ts'
import { loadTensorflow, type Tensor } from './tensorflow.ts'

/** The network's output as a tensor, for training (variables) and scoring (constants) alike. */
export function forward(input: Tensor, parameters: readonly { weights: Tensor; bias: Tensor }[], { layer, tanh }: DenseOps): Tensor {
  return parameters.reduce((x, { weights, bias }, at) => {
    const y = layer(x, weights, bias)
    return at === parameters.length - 1 ? y : tanh(y)
  }, input)
}

export const createTensorflowModel = (fitted: FittedAutoencoder): Model => createAutoencoderModel(fitted, createTensorflowNetwork(fitted.layers))

/**
 * Rows at a time: TensorFlow's products (Eigen) take three registers' worth of rows at once, 24 with AVX2 and 48 with AVX-512,
 * and what is left over by other steps, with other last bits. Filled up to this, a row has the same bits alone, in any batch
 * and at any place in it, which an exact replay rests on.
 */
export const ROWS_AT_ONCE = 48

/** The layers by TensorFlow. Loads it at the first run. */
export function createTensorflowNetwork(layers: readonly DenseLayer[]): DenseNetwork {
  let tensors: { weights: Tensor; bias: Tensor }[] | undefined
  const parameters = () => {
    const tf = loadTensorflow()
    tensors ??= layers.map(({ inputs, outputs, weights, bias }) => ({
      weights: tf.keep(tf.tensor2d(weights, [inputs, outputs])), bias: tf.keep(tf.tensor1d(bias)),
    }))
    return tensors
  }
  return {
    run(inputs, n) {
      const tf = loadTensorflow()
      const rows = Math.ceil(n / ROWS_AT_ONCE) * ROWS_AT_ONCE
      const width = layers[0]?.inputs ?? 0
      let full = inputs
      if (rows > n) {
        full = new Float32Array(rows * width)
        full.set(inputs)
      }
      let out: Float32Array = full
      // Nothing is returned from tidy: it would look for tensors in every element of an array.
      tf.tidy(() => { out = forward(tf.tensor2d(full, [rows, width]), parameters(), scoringOps()).dataSync<'float32'>() })
      return out.subarray(0, n * (layers.at(-1)?.outputs ?? 0))
    },
    dispose() {
      for (const { weights, bias } of tensors ?? []) {
        weights.dispose()
        bias.dispose()
      }
      tensors = undefined
    },
  }
}
