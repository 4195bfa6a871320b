import type { ObjectStore } from '../../registry/artifacts/object-store.ts'
import { decodeModelArtifact, type ModelArtifact } from '../../registry/domain/models/artifact.ts'
import { autoencoderFromArtifact } from '../../registry/domain/models/autoencoder.ts'
import type { Model } from '../../registry/domain/models/model.ts'
import { makeModel, type ModelMakers } from '../../registry/domain/models/plain-model.ts'
import { createPcaModel, pcaFromArtifact } from '../../registry/domain/models/pca-model.ts'
import { createTensorflowModel } from './tensorflow-network.ts'

/**
 * The model whose artifact lies at `artifactKey`. Refuses (`digest_mismatch`) bytes that are not those registered,
 * (`not_found`) a missing object and (`unprocessable`) a kind this version does not know.
 */
export async function loadModel(objects: ObjectStore, artifactKey: string, digest: string): Promise<Model> {
  return modelFromArtifact(decodeModelArtifact(await objects.get('models', artifactKey), digest))
}

const nativeMakers: ModelMakers = {
  pca: (artifact) => createPcaModel(pcaFromArtifact(artifact)),
  autoencoder: (artifact) => createTensorflowModel(autoencoderFromArtifact(artifact)),
}

/** With TensorFlow where a kind needs it. Refuses (`unprocessable`) a kind this version does not know. */
export const modelFromArtifact = (artifact: ModelArtifact): Model => makeModel(nativeMakers, artifact)

export interface ModelCache {
  /** Loads once, however many ask at the same time. A failed load is tried again at the next call. */
  get(artifactKey: string, digest: string): Promise<Model>
  dispose(): void
}

/** Keeps the `max` models used last. A digest's model never changes, so an entry is never stale. */
export function createModelCache(objects: ObjectStore, max = 16): ModelCache {
  const entries = new Map<string, Promise<Model>>()

  const forget = (digest: string) => {
    const entry = entries.get(digest)
    entries.delete(digest)
    // Whoever still holds it may go on scoring: a model takes its native memory anew.
    entry?.then((model) => model.dispose(), () => undefined)
  }

  return {
    async get(artifactKey, digest) {
      const known = entries.get(digest)
      if (known) {
        entries.delete(digest)
        entries.set(digest, known)
        return known
      }
      const loading = loadModel(objects, artifactKey, digest)
      entries.set(digest, loading)
      loading.catch(() => entries.delete(digest))
      for (const oldest of entries.keys()) {
        if (entries.size <= max) break
        forget(oldest)
      }
      return loading
    },
    dispose() {
      for (const digest of [...entries.keys()]) forget(digest)
    },
  }
}
