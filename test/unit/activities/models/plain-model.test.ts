import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fitAutoencoder, layerSizes } from '../../../../activities/models/fit-autoencoder.ts'
import { modelFromArtifact } from '../../../../activities/models/load-model.ts'
import { seededRandom } from '../../../../activities/models/seeded-random.ts'
import { REPLAY_TOLERANCE } from '../../../../activities/training/train-models.ts'
import { decodeModelArtifact, encodeModelArtifact, type ModelArtifact } from '../../../../registry/domain/models/artifact.ts'
import { autoencoderToArtifact, type DenseLayer } from '../../../../registry/domain/models/autoencoder.ts'
import { modelKinds } from '../../../../registry/domain/models/model.ts'
import { fitPcaModel, pcaToArtifact } from '../../../../registry/domain/models/pca-model.ts'
import { plainModel } from '../../../../registry/domain/models/plain-model.ts'
import { withinTolerance } from '../../../../registry/domain/replay/compare.ts'
import { featureNames, syntheticRows } from './synthetic-rows.ts'

const native = new URL('../../../../node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node', import.meta.url)
const skip = existsSync(native) ? false : 'TensorFlow\'s native library is not set up here: npm run setup'

/** A network nobody trained: weights as training begins with, times `gain`; large ones drive tanh into its ends. */
function randomAutoencoder(width: number, seed: number, gain: number): ModelArtifact {
  const random = seededRandom(seed)
  const sizes = layerSizes(width)
  const layers = sizes.slice(1).map((outputs, at): DenseLayer => {
    const inputs = sizes[at] as number
    const limit = gain * Math.sqrt(6 / (inputs + outputs))
    const values = (count: number) => Float32Array.from({ length: count }, () => (2 * random() - 1) * limit)
    return { inputs, outputs, weights: values(inputs * outputs), bias: values(outputs) }
  })
  const names = featureNames(width)
  return autoencoderToArtifact({
    kind: 'autoencoder', inputClip: 10, layers, training: { seed, epochs: 1, bestEpoch: 1, heldOutLoss: 1 },
    standardiser: { features: names, means: names.map(() => random() * 20), scales: names.map(() => 0.1 + random() * 5), constant: [], rows: 100 },
  })
}

const rowValue = fc.oneof({ weight: 20, arbitrary: fc.double({ min: -60, max: 60, noNaN: true }) }, { weight: 1, arbitrary: fc.constantFrom(NaN, 1e300, -1e9, 0) })

describe('a model by plain arithmetic', () => {
  it('covers every kind a release may hold', () => {
    const artifacts = { pca: pcaToArtifact(fitPcaModel(featureNames(4), syntheticRows(60, 4))), autoencoder: randomAutoencoder(4, 1, 1) }
    for (const kind of modelKinds) assert.equal(plainModel(decodeModelArtifact(encodeModelArtifact(artifacts[kind]))).kind, kind)
  })

  it('gives a PCA score of the same bits', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 12 }), fc.integer(), fc.array(rowValue, { minLength: 12, maxLength: 12 }), (width, seed, values) => {
      const artifact = pcaToArtifact(fitPcaModel(featureNames(width), syntheticRows(60, width, { seed })))
      const row = Float64Array.from(values.slice(0, width))
      assert.deepEqual(plainModel(artifact).scoreRows(row, 1), modelFromArtifact(artifact).scoreRows(row, 1))
    }), { numRuns: 50 })
  })

  it('gives a row the same bits alone and in a batch', () => {
    const model = plainModel(randomAutoencoder(13, 4, 1))
    const rows = syntheticRows(300, 13)
    const together = model.scoreRows(rows, 300)
    for (const at of [0, 1, 150, 299]) assert.deepEqual(model.scoreRows(rows.slice(at * 13, (at + 1) * 13), 1).scores[0], together.scores[at])
  })

  it('refuses layers that do not fit each other, and bytes of another kind', () => {
    const artifact = randomAutoencoder(5, 2, 1)
    const { 'layer1.weights': middle, ...rest } = artifact.tensors
    assert.ok(middle)
    for (const tensors of [
      rest, { ...artifact.tensors, 'layer1.weights': { shape: [middle.shape[1] as number, middle.shape[0] as number], values: middle.values } },
      { ...artifact.tensors, 'layer0.bias': { shape: [1], values: new Float32Array(1) } }, {},
    ]) assert.throws(() => plainModel({ ...artifact, tensors }), { code: 'unprocessable' })
    assert.throws(() => plainModel({ ...artifact, kind: 'pca' }), { code: 'unprocessable' })
    assert.throws(() => plainModel({ ...artifact, kind: 'toString' }), { code: 'unprocessable' })
  })
})

describe('plain arithmetic beside TensorFlow', { skip }, () => {
  it('scores any network and row within the tolerance that models are registered with, and names the same features', () => {
    fc.assert(fc.property(
      fc.integer({ min: 2, max: 40 }), fc.integer(), fc.constantFrom(0.2, 1, 4), fc.array(rowValue, { minLength: 40, maxLength: 40 }),
      (width, seed, gain, values) => {
        const artifact = randomAutoencoder(width, seed, gain)
        const row = Float64Array.from(values.slice(0, width))
        const theirs = modelFromArtifact(artifact)
        const [plain, tensorflow] = [plainModel(artifact).scoreRows(row, 1), theirs.scoreRows(row, 1)]
        theirs.dispose()
        assert.ok(withinTolerance(plain.scores[0] as number, tensorflow.scores[0] as number, REPLAY_TOLERANCE), `${plain.scores[0]} beside ${tensorflow.scores[0]}`)
        const largest = Math.max(...tensorflow.residuals)
        plain.residuals.forEach((part, j) => { assert.ok(Math.abs(part - (tensorflow.residuals[j] as number)) <= 1e-3 * largest) })
      }), { numRuns: 150 })
  })

  it('is a hundred times nearer than that for a trained one', async () => {
    const artifact = autoencoderToArtifact(await fitAutoencoder(featureNames(17), syntheticRows(300, 17), { epochs: 30 }))
    const rows = syntheticRows(2000, 17, { seed: 9, fault: 2 })
    const theirs = modelFromArtifact(artifact)
    const [plain, tensorflow] = [plainModel(artifact).scoreRows(rows, 2000).scores, theirs.scoreRows(rows, 2000).scores]
    theirs.dispose()
    plain.forEach((score, i) => { assert.ok(withinTolerance(score, tensorflow[i] as number, { relative: REPLAY_TOLERANCE.relative / 100, absolute: 0 }), `${score} beside ${tensorflow[i]}`) })
  })
})
