import type { NodeJSKernelBackend } from '@tensorflow/tfjs-node/dist/nodejs_kernel_backend.js'
import { loadTensorflow, type Tensor, type Tensor2D } from './tensorflow.ts'

/** The two steps of a dense network: x · weights + bias (ranks 2, 2 and 1), and its activation. */
export interface DenseOps {
  readonly layer: (x: Tensor, weights: Tensor, bias: Tensor) => Tensor
  readonly tanh: (x: Tensor) => Tensor
}

/** With gradients. */
export function trainingOps(): DenseOps {
  const tf = loadTensorflow()
  return {
    layer: (x, weights, bias) => tf.add(tf.matMul(x as Tensor2D, weights as Tensor2D), bias),
    tanh: (x) => tf.tanh(x),
  }
}

/**
 * The same bits without gradients, by TensorFlow's own operations: less bookkeeping, and `BiasAdd` instead of the general
 * broadcast of `tf.add`. The batched product, not `MatMul`, although that is a little faster: for a narrow layer `MatMul`
 * takes another path when rows are few, with other last bits. How many rows at once: `createTensorflowModel`.
 */
export function scoringOps(): DenseOps {
  const backend = loadTensorflow().backend() as NodeJSKernelBackend
  const { TF_ATTR_BOOL, TF_ATTR_TYPE, TF_FLOAT } = backend.binding
  const float = [{ name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT }]
  const product = [...['adj_x', 'adj_y'].map((name) => ({ name, type: TF_ATTR_BOOL, value: false })), ...float]
  return {
    layer: (x, weights, bias) => backend.executeSingleOutput('BiasAdd', float, [backend.executeSingleOutput('BatchMatMulV2', product, [x, weights]), bias]),
    tanh: (x) => backend.executeSingleOutput('Tanh', float, [x]),
  }
}
