import { z } from 'zod'
import type { ArtifactTensor, ModelArtifact } from '../../registry/artifacts/model-artifact.ts'
import { reconstructionErrors } from '../../registry/domain/scoring/reconstruction.ts'
import { standardiserSchema, type Standardiser } from '../../registry/domain/scoring/standardise.ts'
import { modelInputs } from './model-inputs.ts'
import { checkRows, SCORING_BATCH, type Model } from './model.ts'
import { loadTensorflow, type Tensor, type Tensor2D } from './tensorflow.ts'

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
export function forward(input: Tensor2D, parameters: readonly { weights: Tensor; bias: Tensor }[]): Tensor2D {
  const tf = loadTensorflow()
  return parameters.reduce<Tensor2D>((x, { weights, bias }, at) => {
    const y = tf.add(tf.matMul(x, weights as Tensor2D), bias)
    return (at === parameters.length - 1 ? y : tf.tanh(y)) as Tensor2D
  }, input)
}

/** Standardised rows as the network takes them. */
export function networkInputs(rows: Float64Array, clip: number): Float32Array {
  const out = new Float32Array(rows.length)
  for (let i = 0; i < rows.length; i++) out[i] = Math.max(-clip, Math.min(clip, rows[i] as number))
  return out
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
  const reconstruct = (rows: Float64Array, n: number): Float32Array => {
    const tf = loadTensorflow()
    const held = parameters()
    const out = new Float32Array(rows.length)
    for (let from = 0; from < n; from += SCORING_BATCH) {
      const to = Math.min(n, from + SCORING_BATCH)
      const part = networkInputs(rows.subarray(from * width, to * width), inputClip)
      // Nothing is returned from tidy: it would look for tensors in every element of an array.
      tf.tidy(() => { out.set(forward(tf.tensor2d(part, [to - from, width]), held).dataSync<'float32'>(), from * width) })
    }
    return out
  }

  return {
    kind: 'autoencoder',
    featureCount: width,
    scoreRows(rows, n) {
      checkRows(rows, n, width)
      if (n === 0) return { scores: new Float64Array(0), residuals: new Float64Array(0) }
      const inputs = modelInputs(standardiser, rows)
      const outputs = reconstruct(inputs.rows, n)
      // A sensor that gave nothing must not add to the score: its output counts as met.
      for (let i = 0; i < n; i++) {
        if (inputs.missing[i] === 0) continue
        for (let j = i * width; j < (i + 1) * width; j++) if (!Number.isFinite(rows[j])) outputs[j] = inputs.rows[j] as number
      }
      const scores = reconstructionErrors(inputs.rows, outputs, width)
      for (let i = 0; i < n; i++) if (inputs.missing[i] === width) scores[i] = Number.NaN
      const residuals = new Float64Array(rows.length)
      for (let j = 0; j < rows.length; j++) residuals[j] = ((inputs.rows[j] as number) - (outputs[j] as number)) ** 2 / width
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
