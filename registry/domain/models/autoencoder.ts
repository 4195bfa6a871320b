import { z } from 'zod'
import { refuse } from '../errors.ts'
import { networkInputs, reconstructionErrors } from '../scoring/reconstruction.ts'
import { standardiserSchema, type Standardiser } from '../scoring/standardise.ts'
import type { ArtifactTensor, ModelArtifact } from './artifact.ts'
import { checkRows, SCORING_BATCH, type Model, type ModelScores } from './model.ts'

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

/** Carries out the layers: by TensorFlow where it is, by plain arithmetic where it is not. */
export interface DenseNetwork {
  /** n rows of the first layer's inputs, row-major, to as many of the last layer's outputs: numbers of the caller's own. */
  run(inputs: Float32Array, n: number): Float32Array
  /** Gives native memory back; a later `run` takes it anew. */
  dispose(): void
}

/** The model around a network: standardising, missing values and the error, the same whatever computes the layers. */
export function createAutoencoderModel({ standardiser, inputClip }: FittedAutoencoder, network: DenseNetwork): Model {
  const width = standardiser.features.length
  const scorePart = (rows: Float64Array, n: number): ModelScores => {
    const { standardised, inputs, missing } = networkInputs(standardiser, inputClip, rows)
    const outputs = network.run(inputs, n)
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
    dispose: () => network.dispose(),
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

/** Refuses (`unprocessable`) an artifact that does not hold an autoencoder. */
export function autoencoderFromArtifact({ state, tensors }: ModelArtifact): FittedAutoencoder {
  const parsed = stateSchema.safeParse(state)
  if (!parsed.success) return noAutoencoder(`its state does not read (${parsed.error.issues[0]?.path.join('.') ?? ''})`)
  const width = parsed.data.standardiser.features.length
  const layers: DenseLayer[] = []
  for (let at = 0, inputs = width; tensors[`layer${at}.weights`]; at++) {
    const weights = tensors[`layer${at}.weights`] as ArtifactTensor
    const bias = tensors[`layer${at}.bias`]
    const [rows, outputs] = weights.shape
    if (!(weights.values instanceof Float32Array) || !(bias?.values instanceof Float32Array)
      || rows !== inputs || outputs === undefined || weights.shape.length !== 2 || bias.values.length !== outputs) {
      return noAutoencoder(`layer ${at} does not take the ${inputs} numbers it is given`)
    }
    layers.push({ inputs, outputs, weights: weights.values, bias: bias.values })
    inputs = outputs
  }
  if (layers.at(-1)?.outputs !== width) return noAutoencoder(`its layers do not end in its ${width} features`)
  return { kind: 'autoencoder', ...parsed.data, layers }
}

function noAutoencoder(why: string): never {
  return refuse('unprocessable', `the artifact holds no autoencoder: ${why}. Register the model again by training it.`)
}
