import { z } from 'zod'
import type { ArtifactTensor, ModelArtifact } from '../../registry/artifacts/model-artifact.ts'
import { networkInputs, reconstructionErrors } from '../../registry/domain/scoring/reconstruction.ts'
import { standardiserSchema, type Standardiser } from '../../registry/domain/scoring/standardise.ts'
import { scoringOps, type DenseOps } from './dense-ops.ts'
import { checkRows, SCORING_BATCH, type Model, type ModelScores } from './model.ts'
import { loadTensorflow, type Tensor } from './tensorflow.ts'

/** One dense layer: weights inputs × outputs row-major, then tanh, except after the last layer. */
export interface DenseLayer {
  readonly inputs: number
  readonly outputs: number
  readonly weights: Float32Array
  readonly bias: Float32Array
}

/** A dense network d–h–k–h–d that learned to give back normal rows; what it cannot give back is unlike normal. */
export interface FittedAutoencoder {
  readonly kind: 'autoencoder'
  readonly standardiser: Standardiser
  /** Standardised inputs enter the network within ± this; the residual is taken against the unclipped value. */
  readonly inputClip: number
  readonly layers: readonly DenseLayer[]
  readonly training: { readonly seed: number; readonly epochs: number; readonly bestEpoch: number; readonly heldOutLoss: number }
}

/** The network's output as a tensor, for training (variables) and scoring (constants) alike. */
export function forward(input: Tensor, parameters: readonly { weights: Tensor; bias: Tensor }[], { layer, tanh }: DenseOps): Tensor {
  return parameters.reduce((x, { weights, bias }, at) => {
    const y = layer(x, weights, bias)
    return at === parameters.length - 1 ? y : tanh(y)
  }, input)
}

export function createAutoencoderModel({ standardiser, inputClip, layers }: FittedAutoencoder): Model {
  const width = standardiser.features.length
  let tensors: { weights: Tensor; bias: Tensor }[] | undefined

  const parameters = () => {
    const tf = loadTensorflow()
    tensors ??= layers.map(({ inputs, outputs, weights, bias }) => ({
      weights: tf.keep(tf.tensor2d(weights, [inputs, outputs])), bias: tf.keep(tf.tensor1d(bias)),
    }))
    return tensors
  }
  const reconstruct = (inputs: Float32Array, n: number): Float32Array => {
    const tf = loadTensorflow()
    let out: Float32Array = inputs
    // Nothing is returned from tidy: it would look for tensors in every element of an array.
    tf.tidy(() => { out = forward(tf.tensor2d(inputs, [n, width]), parameters(), scoringOps()).dataSync<'float32'>() })
    return out
  }
  const scorePart = (rows: Float64Array, n: number): ModelScores => {
    const { standardised, inputs, missing } = networkInputs(standardiser, inputClip, rows)
    const outputs = reconstruct(inputs, n)
    // A sensor that gave nothing must not add to the score: its output counts as met.
    for (let i = 0; i < n; i++) {
      if (missing[i] === 0) continue
      for (let j = i * width; j < (i + 1) * width; j++) if (!Number.isFinite(rows[j])) outputs[j] = standardised[j] as number
    }
    const scores = reconstructionErrors(standardised, outputs, width)
    for (let i = 0; i < n; i++) if (missing[i] === width) scores[i] = Number.NaN
    return { scores, residuals: standardised }
  }

  return {
    kind: 'autoencoder',
    featureCount: width,
    scoreRows(rows, n) {
      checkRows(rows, n, width)
      if (n === 0) return { scores: new Float64Array(0), residuals: new Float64Array(0) }
      if (n <= SCORING_BATCH) return scorePart(rows, n)
      const scores = new Float64Array(n)
      const residuals = new Float64Array(rows.length)
      for (let from = 0; from < n; from += SCORING_BATCH) {
        const to = Math.min(n, from + SCORING_BATCH)
        const part = scorePart(rows.subarray(from * width, to * width), to - from)
        scores.set(part.scores, from)
        residuals.set(part.residuals, from * width)
      }
      return { scores, residuals }
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

const stateSchema = z.object({
  standardiser: standardiserSchema,
  inputClip: z.number().positive(),
  training: z.object({ seed: z.number(), epochs: z.number(), bestEpoch: z.number(), heldOutLoss: z.number() }),
})

export function autoencoderToArtifact({ standardiser, inputClip, layers, training }: FittedAutoencoder): ModelArtifact {
  const tensors: Record<string, ArtifactTensor> = {}
  layers.forEach(({ inputs, outputs, weights, bias }, at) => {
    tensors[`layer${at}.weights`] = { shape: [inputs, outputs], values: weights }
    tensors[`layer${at}.bias`] = { shape: [outputs], values: bias }
  })
  return { kind: 'autoencoder', features: standardiser.features, state: { standardiser, inputClip, training }, tensors }
}

/** Throws on an artifact that does not hold an autoencoder. */
export function autoencoderFromArtifact({ state, tensors }: ModelArtifact): FittedAutoencoder {
  const layers: DenseLayer[] = []
  for (let at = 0; tensors[`layer${at}.weights`]; at++) {
    const weights = tensors[`layer${at}.weights`] as ArtifactTensor
    const bias = tensors[`layer${at}.bias`]
    const [inputs, outputs] = weights.shape
    if (inputs === undefined || outputs === undefined || bias?.values.length !== outputs) throw new Error(`layer ${at} is incomplete`)
    layers.push({ inputs, outputs, weights: weights.values as Float32Array, bias: bias.values as Float32Array })
  }
  if (layers.length === 0) throw new Error('the artifact has no layers')
  return { kind: 'autoencoder', ...stateSchema.parse(state), layers }
}
