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

/** The layers by TensorFlow. Loads it at the first run. */
function createTensorflowNetwork(layers: readonly DenseLayer[]): DenseNetwork {
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
      let out: Float32Array = inputs
      // Nothing is returned from tidy: it would look for tensors in every element of an array.
      tf.tidy(() => { out = forward(tf.tensor2d(inputs, [n, layers[0]?.inputs ?? 0]), parameters(), scoringOps()).dataSync<'float32'>() })
      return out
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
