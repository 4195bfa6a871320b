import { createRequire } from 'node:module'
import util from 'node:util'
import type * as tfjs from '@tensorflow/tfjs-node'

export type TensorFlow = typeof tfjs
export type Tensor = tfjs.Tensor
export type Tensor2D = tfjs.Tensor2D
export type Variable = tfjs.Variable

let loaded: TensorFlow | undefined

/**
 * TensorFlow, loaded at first use: it costs 1.4 s and some 300 MB, which processes that never score should not pay.
 * The only place that loads it, since what is set here must be set before.
 */
export function loadTensorflow(): TensorFlow {
  loaded ??= load()
  return loaded
}

/** Whether this process has loaded it, for tests and status. */
export const tensorflowLoaded = (): boolean => loaded !== undefined

function load(): TensorFlow {
  // The library announces its CPU kernels on stderr at every start; warnings and errors still show.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'
  // tfjs-node 4.22 calls it; Node 23 removed it.
  const legacy = util as typeof util & { isNullOrUndefined?: (value: unknown) => boolean }
  legacy.isNullOrUndefined ??= (value) => value === null || value === undefined
  const tf = createRequire(import.meta.url)('@tensorflow/tfjs-node') as TensorFlow
  tf.enableProdMode()
  return tf
}
