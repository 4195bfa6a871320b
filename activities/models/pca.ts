import { z } from 'zod'
import type { ModelArtifact } from '../../registry/artifacts/model-artifact.ts'
import { createPcaScorer, fitPca, pcaContributions, pcaStateSchema, type PcaOptions, type PcaState } from '../../registry/domain/scoring/pca.ts'
import { fitStandardiser, standardiserSchema, type Standardiser } from '../../registry/domain/scoring/standardise.ts'
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

/** Throws on an artifact that does not hold a PCA model. */
export function pcaFromArtifact({ state, tensors }: ModelArtifact): FittedPca {
  const { standardiser, pca } = stateSchema.parse(state)
  return { kind: 'pca', standardiser, pca: pcaStateSchema.parse({ ...pca, loadings: [...(tensors['loadings']?.values ?? [])] }) }
}
