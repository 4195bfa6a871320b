import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import { scoringOps, trainingOps } from '../../../../activities/models/dense-ops.ts'
import { fitAutoencoder, layerSizes } from '../../../../activities/models/fit-autoencoder.ts'
import { createModelCache, loadModel, modelFromArtifact } from '../../../../activities/models/load-model.ts'
import { SCORING_BATCH } from '../../../../registry/domain/models/model.ts'
import { createPcaModel, fitPcaModel, pcaToArtifact } from '../../../../registry/domain/models/pca-model.ts'
import { runtimeDigest } from '../../../../activities/models/runtime.ts'
import { seededRandom } from '../../../../activities/models/seeded-random.ts'
import { createTensorflowModel, createTensorflowNetwork, forward } from '../../../../activities/models/tensorflow-network.ts'
import { loadTensorflow } from '../../../../activities/models/tensorflow.ts'
import { autoencoderToArtifact } from '../../../../registry/domain/models/autoencoder.ts'
import { decodeModelArtifact, encodeModelArtifact, modelArtifactDigest } from '../../../../registry/domain/models/artifact.ts'
import { createMemoryObjectStore } from '../../../helpers/memory-object-store.ts'
import { featureNames, syntheticRows } from './synthetic-rows.ts'

const D = 8
const N = 200
const names = featureNames(D)
const rows = syntheticRows(N, D)
let fitting: ReturnType<typeof fitAutoencoder> | undefined
/** Fitted once, by the first test that needs it. */
const fitted = () => (fitting ??= fitAutoencoder(names, rows, { epochs: 8 }))
const pca = fitPcaModel(names, rows)

/** Types, lint and pure tests also run where only the npm packages are. */
const native = new URL('../../../../node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node', import.meta.url)
const skip = existsSync(native) ? false : 'TensorFlow\'s native library is not set up here: npm run setup'

const mean = (values: Float64Array) => values.reduce((sum, v) => sum + v, 0) / values.length

for (const kind of ['pca', 'autoencoder'] as const) {
  describe(`model: ${kind}`, { skip: kind === 'autoencoder' && skip }, () => {
    const artifact = async () => (kind === 'pca' ? pcaToArtifact(pca) : autoencoderToArtifact(await fitted()))
    const model = async () => modelFromArtifact(await artifact())

    it('scores faulty rows higher than normal ones, and names the features that moved', async () => {
      const m = await model()
      const normal = m.scoreRows(syntheticRows(100, D, { seed: 5 }), 100)
      const faulty = m.scoreRows(syntheticRows(100, D, { seed: 5, fault: 30 }), 100)
      assert.ok(mean(faulty.scores) > 3 * mean(normal.scores))
      const moved = faulty.residuals.filter((_, at) => (at % D) % 2 === 0)
      const still = faulty.residuals.filter((_, at) => (at % D) % 2 === 1)
      assert.ok(mean(moved) > mean(still))
      m.dispose()
    })

    it('gives the same row the same bits, whatever is beside it, and after a round trip through its artifact', async () => {
      const many = syntheticRows(SCORING_BATCH + 10, D, { seed: 11 })
      const m = await model()
      const together = m.scoreRows(many, SCORING_BATCH + 10)
      for (const [from, count] of [[0, 1], [17, 3], [SCORING_BATCH - 2, 5]] as const) {
        const alone = m.scoreRows(many.slice(from * D, (from + count) * D), count)
        assert.deepEqual([...alone.scores], [...together.scores.slice(from, from + count)])
        assert.deepEqual([...alone.residuals], [...together.residuals.slice(from * D, (from + count) * D)])
      }
      const back = modelFromArtifact(decodeModelArtifact(encodeModelArtifact(await artifact())))
      assert.deepEqual(back.scoreRows(many, SCORING_BATCH + 10), together)
      m.dispose()
      back.dispose()
    })

    it('parts of the score sum to it; a missing value adds nothing; a row of nothing has no score', async () => {
      const m = await model()
      const some = syntheticRows(3, D, { seed: 12 })
      const whole = m.scoreRows(some, 3)
      for (let i = 0; i < 3; i++) {
        const sum = whole.residuals.slice(i * D, (i + 1) * D).reduce((a, b) => a + b, 0)
        assert.ok(Math.abs(sum - whole.scores[i]!) <= 1e-9 * Math.max(1, sum))
      }
      some[1] = Number.NaN
      some.fill(Number.NaN, D, 2 * D)
      const holes = m.scoreRows(some, 3)
      assert.equal(holes.residuals[1], 0)
      assert.ok(Number.isFinite(holes.scores[0]))
      assert.ok(Number.isNaN(holes.scores[1]))
      assert.equal(holes.scores[2], whole.scores[2])
      m.dispose()
    })

    it('takes absurd values and no rows at all, and refuses rows of another width', async () => {
      const m = await model()
      const absurd = new Float64Array(D).fill(1e300)
      assert.ok(Number.isFinite(m.scoreRows(absurd, 1).scores[0]))
      assert.equal(m.scoreRows(new Float64Array(0), 0).scores.length, 0)
      assert.throws(() => m.scoreRows(new Float64Array(D + 1), 1), RangeError)
      m.dispose()
    })
  })
}

describe('autoencoder', { skip }, () => {
  it('two seeded trainings give the same bytes, another seed others', async () => {
    const digest = async (seed: number) =>
      modelArtifactDigest(encodeModelArtifact(autoencoderToArtifact(await fitAutoencoder(names, rows, { epochs: 3, seed }))))
    assert.equal(await digest(5), await digest(5))
    assert.notEqual(await digest(5), await digest(6))
  })

  it('gives a row the same bits alone, in any batch and at any place in it, for narrow and wide networks', () => {
    const random = seededRandom(3)
    const values = (count: number, scale: number) => Float32Array.from({ length: count }, () => (random() - 0.5) * scale)
    for (const width of [2, 4, 5, 13, 40, 120]) {
      const sizes = layerSizes(width)
      const layers = sizes.slice(1).map((outputs, at) => ({ inputs: sizes[at]!, outputs, weights: values(sizes[at]! * outputs, 1), bias: values(outputs, 1) }))
      const network = createTensorflowNetwork(layers)
      const some = values(700 * width, 6)
      const outputs = (from: number, count: number) => network.run(some.slice(from * width, (from + count) * width), count)
      const together = outputs(0, 700)
      for (let row = 0; row < 100; row++) assert.deepEqual(outputs(row, 1), together.slice(row * width, (row + 1) * width))
      for (const count of [2, 7, 23, 24, 25, 47, 49, 100, 301, 512, 599]) assert.deepEqual(outputs(30, count), together.slice(30 * width, (30 + count) * width), `${count} of ${width}`)
      network.dispose()
    }
  })

  it('scores by the network that was trained, to the bit', async () => {
    const tf = loadTensorflow()
    const { layers } = await fitAutoencoder(featureNames(40), syntheticRows(N, 40), { epochs: 2 })
    const [trained, scored] = tf.tidy(() => {
      const parameters = layers.map(({ inputs, outputs, weights, bias }) => ({ weights: tf.tensor2d(weights, [inputs, outputs]), bias: tf.tensor1d(bias) }))
      const x = tf.tensor2d(Float32Array.from(syntheticRows(700, 40, { seed: 3 })), [700, 40])
      return [trainingOps(), scoringOps()].map((ops) => forward(x, parameters, ops).arraySync())
    })
    assert.deepEqual(scored, trained)
  })

  it('leaks no tensor in fitting, failing or scoring; a disposed model scores again', async () => {
    const tf = loadTensorflow()
    await fitted()
    const before = tf.memory().numTensors
    const m = createTensorflowModel(await fitAutoencoder(names, rows, { epochs: 2 }))
    assert.equal(tf.memory().numTensors, before)
    const first = m.scoreRows(rows, N)
    const held = tf.memory().numTensors
    for (let i = 0; i < 5; i++) m.scoreRows(rows, N)
    assert.equal(tf.memory().numTensors, held)
    m.dispose()
    assert.equal(tf.memory().numTensors, before)
    assert.deepEqual(m.scoreRows(rows, N), first)
    m.dispose()
    const stop = new AbortController()
    await assert.rejects(fitAutoencoder(names, rows, { signal: stop.signal, onEpoch: () => stop.abort(new Error('enough')) }), /enough/)
    assert.equal(tf.memory().numTensors, before)
  })

  it('stops early on its held-out part and says how it went', async () => {
    const losses: number[] = []
    const { training } = await fitAutoencoder(names, rows, { epochs: 60, patience: 1, onEpoch: ({ heldOutLoss }) => losses.push(heldOutLoss) })
    assert.equal(training.epochs, losses.length)
    assert.equal(training.heldOutLoss, losses[training.bestEpoch - 1])
    assert.ok(training.bestEpoch >= training.epochs - 1)
  })

  it('has a bottleneck narrower than its input', () => {
    assert.deepEqual(layerSizes(40), [40, 32, 8, 32, 40])
    for (let d = 2; d <= 100; d++) assert.ok(layerSizes(d)[2]! < d)
  })

  it('refuses too few rows and features that never had a value, by cause', async () => {
    await assert.rejects(fitAutoencoder(names, rows.slice(0, 20 * D)), { code: 'insufficient_data', message: /at least 40.*got 20/ })
    const dead = rows.map((v, at) => (at % D === 2 ? Number.NaN : v))
    await assert.rejects(fitAutoencoder(names, dead), { code: 'insufficient_data', message: /"f2"/ })
  })
})

describe('PCA', () => {
  it('refuses data that never moves', () => {
    assert.throws(() => fitPcaModel(names, new Float64Array(100 * D).fill(3)), { code: 'insufficient_data' })
  })
  it('needs no native memory', () => {
    createPcaModel(pca).dispose()
  })
})

describe('model cache', () => {
  it('loads a digest once, forgets the one used longest ago, and refuses other bytes', async () => {
    const objects = createMemoryObjectStore()
    let gets = 0
    const counting = { ...objects, get: (...args: Parameters<typeof objects.get>) => { gets++; return objects.get(...args) } }
    const models = await Promise.all([0, 1, 2].map(async (seed) => {
      const bytes = encodeModelArtifact(pcaToArtifact(fitPcaModel(names, syntheticRows(N, D, { seed }))))
      const digest = modelArtifactDigest(bytes)
      await objects.put('models', `f/${digest}`, bytes)
      return { key: `f/${digest}`, digest }
    }))
    const [a, b, c] = models as [typeof models[number], typeof models[number], typeof models[number]]
    const cache = createModelCache(counting, 2)
    const [first, again] = await Promise.all([cache.get(a.key, a.digest), cache.get(a.key, a.digest)])
    assert.equal(first, again)
    await cache.get(b.key, b.digest)
    await cache.get(a.key, a.digest)
    await cache.get(c.key, c.digest)
    assert.equal(gets, 3)
    await cache.get(a.key, a.digest)
    assert.equal(gets, 3)
    await cache.get(b.key, b.digest)
    assert.equal(gets, 4)
    await assert.rejects(loadModel(objects, a.key, b.digest), { code: 'digest_mismatch' })
    await assert.rejects(cache.get('f/none', 'none'), { code: 'not_found' })
    cache.dispose()
  })

  it('refuses a kind it does not know', () => {
    assert.throws(() => modelFromArtifact({ kind: 'oracle', features: [], state: {}, tensors: {} }), { code: 'unprocessable' })
  })
})

describe('runtime', () => {
  it('names what decides the bits, the same at every call', () => {
    const { digest, facts } = runtimeDigest()
    assert.equal(digest, runtimeDigest().digest)
    assert.match(digest, /^[0-9a-f]{64}$/)
    assert.equal(facts.node, process.version)
    assert.match(facts.tensorflow.tfjsNode, /^\d/)
  })
})
