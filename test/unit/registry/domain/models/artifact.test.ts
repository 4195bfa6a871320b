import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeModelArtifact, encodeModelArtifact, modelArtifactDigest, type ModelArtifact } from '../../../../../registry/domain/models/artifact.ts'

const artifactArbitrary: fc.Arbitrary<ModelArtifact> = fc.record({
  kind: fc.constantFrom('pca', 'autoencoder'),
  features: fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }),
  state: fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string(), fc.boolean()), { noNullPrototype: true })
    .map((state) => JSON.parse(JSON.stringify(state)) as Record<string, unknown>),
  tensors: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.oneof(
    fc.float32Array({ maxLength: 20 }).map((values) => ({ shape: [values.length], values })),
    fc.float64Array({ maxLength: 20 }).map((values) => ({ shape: [1, values.length], values })),
  ), { maxKeys: 4, noNullPrototype: true }),
}, { noNullPrototype: true })

test('what is written is read back, and the same model has the same bytes', () => {
  fc.assert(fc.property(artifactArbitrary, (artifact) => {
    const bytes = encodeModelArtifact(artifact)
    assert.deepEqual(decodeModelArtifact(bytes, modelArtifactDigest(bytes)), artifact)
    assert.deepEqual(encodeModelArtifact(decodeModelArtifact(bytes)), bytes)
  }))
})

test('no changed byte, cut or addition goes unnoticed, with or without the registered digest', () => {
  const change = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), mask: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
    fc.record({ kind: fc.constant('add' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) }),
  )
  fc.assert(fc.property(artifactArbitrary, change, (artifact, changed) => {
    const bytes = encodeModelArtifact(artifact)
    const digest = modelArtifactDigest(bytes)
    let broken: Uint8Array
    if (changed.kind === 'flip') {
      broken = bytes.slice()
      broken[changed.at % bytes.length]! ^= changed.mask
    } else if (changed.kind === 'cut') broken = bytes.slice(0, changed.at % bytes.length)
    else broken = Uint8Array.from([...bytes, ...changed.bytes])
    assert.throws(() => decodeModelArtifact(broken, digest), { code: 'digest_mismatch' })
    assert.throws(() => decodeModelArtifact(broken), { code: 'digest_mismatch' })
  }))
})

test('a tensor must fill its shape', () => {
  assert.throws(
    () => encodeModelArtifact({ kind: 'pca', features: [], state: {}, tensors: { w: { shape: [2, 2], values: new Float32Array(3) } } }), RangeError)
})
