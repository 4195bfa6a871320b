import { encodeModelArtifact, modelArtifactDigest, type ModelArtifact } from '../../registry/domain/models/artifact.ts'
import { autoencoderToArtifact } from '../../registry/domain/models/autoencoder.ts'
import { fitAutoencoder, type AutoencoderOptions } from './fit-autoencoder.ts'
import { modelFromArtifact } from './load-model.ts'
import type { ModelKind } from '../../registry/domain/models/model.ts'
import { fitPcaModel, pcaToArtifact } from '../../registry/domain/models/pca-model.ts'
import { runtimeDigest, type Runtime } from './runtime.ts'

/** What one fit takes: plain values and typed arrays, so that it crosses to another process as it is. */
export interface FitJob {
  readonly features: readonly string[]
  /** Normal rows to learn from, oldest first; row-major, NaN = missing. */
  readonly train: Float64Array
  /** Rows to score with the fitted models: for calibration and evaluation. */
  readonly score: Float64Array
  readonly seed: number
  readonly options?: Pick<AutoencoderOptions, 'epochs' | 'patience'>
}

export interface FittedModel {
  readonly kind: ModelKind
  readonly digest: string
  readonly bytes: Uint8Array
  /** One per row of `score`. */
  readonly scores: Float64Array
  /** Small plain JSON: how the fit went. */
  readonly facts: Record<string, unknown>
}

export interface FitResult { readonly models: readonly FittedModel[]; readonly runtime: Runtime }

export interface FitProgress { readonly step: ModelKind; readonly epoch: number; readonly epochs: number; readonly loss: number | null }

export interface FitHooks { onProgress?: (progress: FitProgress) => void; signal?: AbortSignal }

/** Fits baseline and autoencoder on the same rows, in this process. The same job on the same runtime gives the same bytes. */
export async function runFitJob(job: FitJob, hooks: FitHooks = {}): Promise<FitResult> {
  hooks.onProgress?.({ step: 'pca', epoch: 0, epochs: 1, loss: null })
  const pca = fitPcaModel(job.features, job.train)
  const autoencoder = await fitAutoencoder(job.features, job.train, {
    ...job.options, seed: job.seed,
    onEpoch: ({ epoch, epochs, heldOutLoss }) => hooks.onProgress?.({ step: 'autoencoder', epoch, epochs, loss: heldOutLoss }),
    ...(hooks.signal && { signal: hooks.signal }),
  })
  return {
    runtime: runtimeDigest(),
    models: [
      fitted('pca', pcaToArtifact(pca), job, { components: pca.pca.components, explained: pca.pca.explained, constant: pca.standardiser.constant }),
      fitted('autoencoder', autoencoderToArtifact(autoencoder), job, {
        layers: [job.features.length, ...autoencoder.layers.map((layer) => layer.outputs)], ...autoencoder.training,
      }),
    ],
  }
}

function fitted(kind: ModelKind, artifact: ModelArtifact, job: FitJob, facts: Record<string, unknown>): FittedModel {
  const bytes = encodeModelArtifact(artifact)
  // Scored with what the artifact holds, as every later scoring is.
  const model = modelFromArtifact(artifact)
  try {
    const { scores } = model.scoreRows(job.score, job.score.length / job.features.length)
    return { kind, digest: modelArtifactDigest(bytes), bytes, scores, facts }
  } finally {
    model.dispose()
  }
}
