import { refuse } from '../../registry/domain/errors.ts'
import type { DenseLayer, FittedAutoencoder } from '../../registry/domain/models/autoencoder.ts'
import { networkInputs } from '../../registry/domain/scoring/reconstruction.ts'
import { fitStandardiser } from '../../registry/domain/scoring/standardise.ts'
import { trainingOps } from './dense-ops.ts'
import { seededRandom, shuffledIndices } from './seeded-random.ts'
import { forward } from './tensorflow-network.ts'
import { loadTensorflow, type Tensor, type Tensor2D, type Variable } from './tensorflow.ts'

export interface AutoencoderOptions {
  /** Default 1. The same seed and rows on the same runtime give the same weights to the bit. */
  seed?: number
  /** Most epochs, default 120. */
  epochs?: number
  /** Epochs without a better held-out loss before it stops, default 10. */
  patience?: number
  learningRate?: number
  /** Called after each epoch. */
  onEpoch?: (progress: EpochProgress) => void
  /** Stops between two epochs; `fitAutoencoder` then throws the signal's reason. */
  signal?: AbortSignal
}

export interface EpochProgress { epoch: number; epochs: number; trainingLoss: number; heldOutLoss: number }

/** Fewer would leave nothing to hold out. */
const MIN_ROWS = 40
/** The newest part decides when to stop: a random one would hold neighbours of training rows. */
const HELD_OUT = 0.15
const INPUT_CLIP = 10
/** A gain below this share is not worth another ten epochs. */
const LEAST_GAIN = 5e-3

/** Sizes of the layers for d features: 40 gives 40-32-8-32-40. The bottleneck is always narrower than the input. */
export function layerSizes(d: number): number[] {
  const bottleneck = Math.max(1, Math.min(8, Math.round(d / 4)))
  const hidden = Math.max(bottleneck + 1, Math.min(32, Math.round(d * 0.8)))
  return [d, hidden, bottleneck, hidden, d]
}

/**
 * Fits an autoencoder to raw feature rows of normal operation, oldest first (row-major, NaN = missing), by Adam on the
 * mean squared error, stopping early on the newest 15 %, with the weights of the best epoch. Yields to the event loop
 * between epochs. Refuses (`insufficient_data`) fewer than 40 rows.
 */
export async function fitAutoencoder(
  features: readonly string[], rows: Float64Array, options: AutoencoderOptions = {},
): Promise<FittedAutoencoder> {
  const { seed = 1, epochs = 120, patience = 10, learningRate = 8e-3 } = options
  const d = features.length
  const n = rows.length / d
  if (n < MIN_ROWS) {
    refuse('insufficient_data', `an autoencoder needs at least ${MIN_ROWS} training windows, got ${n}; take a longer period`, { rows: n, needed: MIN_ROWS })
  }
  const tf = loadTensorflow()
  const random = seededRandom(seed)
  const heldOut = Math.max(4, Math.floor(n * HELD_OUT))
  const trained = n - heldOut
  // Fitted on the trained part alone, or the held-out loss would know the future.
  const standardiser = fitStandardiser(features, rows.subarray(0, trained * d))
  const { inputs } = networkInputs(standardiser, INPUT_CLIP, rows)
  // Few large steps: a step costs some milliseconds of bookkeeping, whatever its size.
  const batch = Math.max(32, Math.min(512, Math.ceil(trained / 8)))

  const parameters = createVariables(layerSizes(d), random)
  const optimizer = tf.train.adam(learningRate)
  const all = tf.tensor2d(inputs.subarray(0, trained * d), [trained, d])
  const held = tf.tensor2d(inputs.subarray(trained * d), [heldOut, d])
  const ops = trainingOps()
  const lossOf = (x: Tensor2D) => tf.losses.meanSquaredError(x, forward(x, parameters, ops)).asScalar()

  let best: { layers: DenseLayer[]; epoch: number; loss: number } | undefined
  let epoch = 0
  try {
    while (epoch < epochs && (best === undefined || epoch - best.epoch < patience)) {
      options.signal?.throwIfAborted()
      epoch++
      const order = shuffledIndices(trained, random)
      let sum = 0
      for (let from = 0; from < trained; from += batch) {
        const picked = order.subarray(from, Math.min(trained, from + batch))
        sum += tf.tidy(() => {
          const x = tf.gather(all, tf.tensor1d(picked, 'int32'))
          const cost = optimizer.minimize(() => lossOf(x), true)
          return cost ? (cost.dataSync()[0] as number) * picked.length : Number.NaN
        })
      }
      const heldOutLoss = tf.tidy(() => lossOf(held).dataSync()[0] as number)
      if (!Number.isFinite(heldOutLoss)) {
        refuse('unprocessable', `training diverged in epoch ${epoch} (the loss is not finite); look for absurd values in the dataset`, { epoch })
      }
      if (best === undefined || heldOutLoss < best.loss * (1 - LEAST_GAIN)) best = { layers: snapshot(parameters), epoch, loss: heldOutLoss }
      options.onEpoch?.({ epoch, epochs, trainingLoss: sum / trained, heldOutLoss })
      // TensorFlow blocks the event loop; a cancellation must get its turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    tf.dispose([all, held, ...parameters.flatMap(({ weights, bias }) => [weights, bias])])
    optimizer.dispose()
  }
  if (best === undefined) throw new RangeError('epochs must be at least 1')
  return {
    kind: 'autoencoder', standardiser, inputClip: INPUT_CLIP, layers: best.layers,
    training: { seed, epochs: epoch, bestEpoch: best.epoch, heldOutLoss: best.loss },
  }
}

interface Parameters { weights: Variable; bias: Variable }

/** Glorot's uniform initialisation (X. Glorot and Y. Bengio, AISTATS 2010), from our own seeded numbers. */
function createVariables(sizes: readonly number[], random: () => number): Parameters[] {
  const tf = loadTensorflow()
  return sizes.slice(1).map((outputs, at) => {
    const fanIn = sizes[at] as number
    const limit = Math.sqrt(6 / (fanIn + outputs))
    const weights = Float32Array.from({ length: fanIn * outputs }, () => (2 * random() - 1) * limit)
    return tf.tidy(() => ({
      weights: tf.variable(tf.tensor2d(weights, [fanIn, outputs])), bias: tf.variable(tf.zeros([outputs])),
    }))
  })
}

function snapshot(parameters: readonly Parameters[]): DenseLayer[] {
  const values = (tensor: Tensor) => Float32Array.from(tensor.dataSync<'float32'>())
  return parameters.map(({ weights, bias }) => ({
    inputs: weights.shape[0], outputs: weights.shape[1] as number, weights: values(weights), bias: values(bias),
  }))
}
