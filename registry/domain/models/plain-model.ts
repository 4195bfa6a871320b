import { refuse } from '../errors.ts'
import type { ModelArtifact } from './artifact.ts'
import { autoencoderFromArtifact, createAutoencoderModel } from './autoencoder.ts'
import type { Model, ModelKind } from './model.ts'
import { createPcaModel, pcaFromArtifact } from './pca-model.ts'
import { createPlainNetwork } from './plain-network.ts'

/** A model made of its artifact, with the layers of a network carried out by whoever makes it. */
export type ModelMaker = (artifact: ModelArtifact) => Model

/** Per kind, how a model is made; a kind that is added is missing here by its type. */
export type ModelMakers = Readonly<Record<ModelKind, ModelMaker>>

/** Refuses (`unprocessable`) a kind that this version does not know, and what does not hold a model of its kind. */
export function makeModel(makers: ModelMakers, artifact: ModelArtifact): Model {
  const maker = Object.hasOwn(makers, artifact.kind) ? makers[artifact.kind as ModelKind] : undefined
  if (maker !== undefined) return maker(artifact)
  return refuse('unprocessable', `this version cannot score with a model of kind "${artifact.kind}"; update Twinward`, { kind: artifact.kind })
}

const plainMakers: ModelMakers = {
  pca: (artifact) => createPcaModel(pcaFromArtifact(artifact)),
  autoencoder: (artifact) => {
    const fitted = autoencoderFromArtifact(artifact)
    return createAutoencoderModel(fitted, createPlainNetwork(fitted.layers))
  },
}

/**
 * The model of an artifact by arithmetic alone: runs wherever JavaScript does. PCA gives the bits of any other process;
 * an autoencoder's score differs from TensorFlow's in its last digits (docs/decisions.md, 45).
 */
export const plainModel = (artifact: ModelArtifact): Model => makeModel(plainMakers, artifact)
