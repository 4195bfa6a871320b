import { z } from 'zod'
import { refuse } from '../errors.ts'
import { createPcaScorer, fitPca, pcaContributions, pcaStateSchema, type PcaOptions, type PcaState } from '../scoring/pca.ts'
import { fitStandardiser, standardiserSchema, type Standardiser } from '../scoring/standardise.ts'
import type { ModelArtifact } from './artifact.ts'
import { modelInputs } from './model-inputs.ts'
import { checkRows, type Model } from './model.ts'

/** The baseline: principal components with T² and Q, combined into one index. Pure arithmetic; needs no TensorFlow. */
export interface FittedPca {
  readonly kind: 'pca'
  readonly standardiser: Standardiser
  readonly pca: PcaState
}

/** Fits to raw feature rows (row-major, NaN = missing). Refuses (`insufficient_data`) too few or unvarying rows. */
export function fitPcaModel(features: readonly string[], rows: Float64Array, options: PcaOptions = {}): FittedPca {
  const standardiser = fitStandardiser(features, rows)
  return { kind: 'pca', standardiser, pca: fitPca(modelInputs(standardiser, rows).rows, features.length, options) }
}

export function createPcaModel({ standardiser, pca }: FittedPca): Model {
  const score = createPcaScorer(pca)
  const width = pca.features
  return {
    kind: 'pca',
    featureCount: width,
    scoreRows(rows, n) {
      checkRows(rows, n, width)
      const inputs = modelInputs(standardiser, rows)
      const scores = score(inputs.rows).combined
      const residuals = new Float64Array(n * width)
      for (let i = 0; i < n; i++) {
        const from = i * width
        if (inputs.missing[i] === width) {
          scores[i] = Number.NaN
          continue
        }
        residuals.set(pcaContributions(pca, inputs.rows.subarray(from, from + width)), from)
        if (inputs.missing[i] === 0) continue
        for (let j = from; j < from + width; j++) if (!Number.isFinite(rows[j])) residuals[j] = 0
      }
      return { scores, residuals }
    },
    dispose() {
      // Holds no native memory.
    },
  }
}

const stateSchema = z.object({ standardiser: standardiserSchema, pca: z.looseObject({}) })

export function pcaToArtifact({ standardiser, pca }: FittedPca): ModelArtifact {
  const { loadings, ...rest } = pca
  return {
    kind: 'pca',
    features: standardiser.features,
    state: { standardiser, pca: rest },
    tensors: { loadings: { shape: [pca.components, pca.features], values: Float64Array.from(loadings) } },
  }
}

/** Refuses (`unprocessable`) an artifact that does not hold a PCA model. */
export function pcaFromArtifact({ state, tensors }: ModelArtifact): FittedPca {
  const outer = stateSchema.safeParse(state)
  const inner = pcaStateSchema.safeParse({ ...outer.data?.pca, loadings: [...(tensors['loadings']?.values ?? [])] })
  if (outer.success && inner.success && inner.data.features === outer.data.standardiser.features.length) {
    return { kind: 'pca', standardiser: outer.data.standardiser, pca: inner.data }
  }
  const at = (outer.error ?? inner.error)?.issues[0]?.path.join('.') ?? 'features'
  return refuse('unprocessable', `the artifact holds no PCA model: its state does not read (${at}). Register the model again by training it.`)
}
