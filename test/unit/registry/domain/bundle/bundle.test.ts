import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { admitBundle, type Place } from '../../../../../registry/domain/bundle/admit.ts'
import { bundleBody, MAX_BUNDLE_BYTES, withSignature } from '../../../../../registry/domain/bundle/envelope.ts'
import { openBundle, type SignatureCheck } from '../../../../../registry/domain/bundle/open.ts'
import type { BundleFault } from '../../../../../registry/domain/bundle/refusal.ts'
import { canonicalJson } from '../../../../../registry/domain/canonical.ts'
import { DomainError } from '../../../../../registry/domain/errors.ts'
import { bundleContents, makeBundle, newSigner, type BundleParts } from '../../../../helpers/bundles.ts'
import { effort } from '../../../../helpers/effort.ts'

const signer = newSigner()
const publicKey = createPublicKey(signer.publicKey)
const check: SignatureCheck = (keyId, body, signature) => {
  if (keyId !== signer.keyId) return 'unknown_key'
  return verify(null, body, publicKey, signature) ? 'good' : 'bad'
}
const open = (bytes: Uint8Array) => openBundle(bytes, check)
const good = makeBundle(signer)

/** That it is refused for this reason, by a code and with words of what to do. */
const refused = (fault: BundleFault, act: () => unknown, words = /./) => {
  assert.throws(act, (error) => {
    assert.ok(error instanceof DomainError, String(error))
    assert.equal(error.details['fault'], fault, error.message)
    assert.match(error.message, words)
    return true
  })
}
/** A manifest of any form, signed all the same: what a newer or a broken platform might sign. */
const signed = (manifest: unknown, model = bundleContents().model, text = canonicalJson(manifest)) => {
  const body = bundleBody(signer.keyId, new TextEncoder().encode(text), model)
  return withSignature(body, signer.sign(body))
}

describe('a bundle', () => {
  it('is opened as it was sealed, by the same bytes for the same parts', () => {
    const { manifest } = bundleContents()
    const opened = open(good)
    assert.deepEqual(opened.manifest, manifest)
    assert.equal(opened.model.kind, 'pca')
    assert.equal(opened.keyId, signer.keyId)
    assert.deepEqual(makeBundle(signer), good)
    assert.notEqual(open(makeBundle(signer, { issue: 2 })).digest, opened.digest)
  })

  it('is refused with any byte changed', () => {
    const changed = (at: number, mask: number) => {
      const bytes = good.slice()
      bytes[at] = (bytes[at] as number) ^ mask
      return bytes
    }
    // Every byte of head and signature, and those of the middle at random.
    for (const at of [...Array(48).keys(), ...Array.from({ length: 64 }, (_, i) => good.length - 1 - i)]) assert.throws(() => open(changed(at, 1 << (at % 8))), DomainError)
    fc.assert(fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      assert.throws(() => open(changed(at, mask)), DomainError)
    }), { numRuns: effort(1000) })
  })

  it('is refused cut short, added to, or made of anything at all, and nothing but a refusal comes of it', () => {
    fc.assert(fc.property(fc.nat(good.length - 1), (length) => { assert.throws(() => open(good.subarray(0, length)), DomainError) }), { numRuns: effort(200) })
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (more) => { refused('truncated', () => open(Uint8Array.from([...good, ...more]))) }), { numRuns: 50 })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(60), (noise, kept) => {
      assert.throws(() => open(Uint8Array.from([...good.subarray(0, kept), ...noise])), DomainError)
    }), { numRuns: effort(500) })
    refused('truncated', () => open(good.subarray(0, good.length - 1)), /copy it/i)
    refused('not_a_bundle', () => open(new TextEncoder().encode('PK\u0003\u0004 something else altogether')), /twinward bundle/)
    refused('not_a_bundle', () => open(new Uint8Array(0)))
  })

  it('is refused unsigned, by a key that is not trusted, and under another name for the right key', () => {
    const { manifest, model } = bundleContents()
    const text = new TextEncoder().encode(canonicalJson(manifest))
    refused('unsigned', () => open(bundleBody(signer.keyId, text, model)), /twinward bundle/)
    const nobody = bundleBody('0'.repeat(64), text, model)
    refused('unsigned', () => open(withSignature(nobody, signer.sign(nobody))))
    const other = newSigner()
    refused('unknown_key', () => open(makeBundle(other)), new RegExp(other.keyId))
    const posing = bundleBody(signer.keyId, text, model)
    refused('changed', () => open(withSignature(posing, other.sign(posing))))
  })

  it('is refused in another format, and too large', () => {
    const newer = good.slice()
    newer[7] = 0x32
    refused('format', () => open(newer), /update the gateway/i)
    refused('too_large', () => open(new Uint8Array(MAX_BUNDLE_BYTES + 1)))
    refused('too_large', () => makeBundle({ ...signer }, { model: { kind: 'pca', features: [], state: {}, tensors: { w: { shape: [MAX_BUNDLE_BYTES / 8], values: new Float64Array(MAX_BUNDLE_BYTES / 8) } } } }))
  })

  it('is refused where what is signed cannot be carried out here', () => {
    const { manifest, model } = bundleContents()
    const cases: unknown[] = [
      {}, [], 'text', { ...manifest, policy: { ...manifest.policy, definition: { ...manifest.policy.definition, rules: [] } } },
      { ...manifest, policy: { ...manifest.policy, definition: { ...manifest.policy.definition, newKind: true } } },
      { ...manifest, featureSet: { ...manifest.featureSet, definition: { ...manifest.featureSet.definition, features: [{ name: 'x', role: 'temp', kind: 'wavelet' }] } } },
      { ...manifest, calibration: { ...manifest.calibration, state: { kind: 'isotonic' } } },
      { ...manifest, assets: [] }, { ...manifest, issue: { number: 0, atUs: 0, by: 'x' } },
    ]
    for (const value of cases) refused('unreadable', () => open(signed(value)), /update the gateway/i)
    refused('unreadable', () => open(signed(null, model, JSON.stringify(manifest, null, 1))))
    refused('unreadable', () => open(signed(null, model, '{"site":')))
    refused('unreadable', () => open(makeBundle(signer, { model: { kind: 'oracle', features: manifest.featureSet.definition.features.map(({ name }) => name), state: {}, tensors: {} } })))
    refused('unreadable', () => open(makeBundle(signer, { model: { kind: 'pca', features: ['another'], state: {}, tensors: {} } })))
  })

  it('passes over fields that it does not know, beside those it must understand', () => {
    const { manifest } = bundleContents()
    assert.deepEqual(open(signed({ ...manifest, later: { anything: 1 } })).manifest, manifest)
  })

  it('is refused where a part is not the one that the release binds, whoever signed', () => {
    const other = bundleContents({ policy: { ...bundleContents().manifest.policy.definition, version: 2 } }).manifest
    const swaps: NonNullable<BundleParts['change']>[] = [
      (m) => ({ ...m, policy: { ...m.policy, definition: other.policy.definition } }), (m) => ({ ...m, policy: other.policy }),
      (m) => ({ ...m, calibration: { ...m.calibration, state: { ...m.calibration.state, tailScale: m.calibration.state.tailScale * 2 } } }),
      (m) => ({ ...m, featureSet: { ...m.featureSet, definition: { ...m.featureSet.definition, version: 2 } } }),
      (m) => ({ ...m, model: { ...m.model, version: 2 } }), (m) => ({ ...m, release: { ...m.release, family: 'another' } }),
    ]
    for (const change of swaps) refused('changed', () => open(makeBundle(signer, { change })))
    refused('changed', () => open(signed(bundleContents().manifest, new Uint8Array(10))))
  })
})

describe('whether a bundle is for this gateway', () => {
  const place: Place = { site: 'hamburg', assets: new Set(['pump-1', 'pump-2']), tags: new Set(['pump-1/temp', 'pump-1/flow', 'pump-2/temp', 'pump-2/flow']) }
  const admit = (parts: BundleParts, inForce = new Map<string, { digest: string; issueNumber: number }>()) => { admitBundle(open(makeBundle(signer, parts)), place, inForce) }

  it('lets in what is for it', () => {
    admit({})
    admit({ assets: ['pump-1', 'pump-2'] })
  })

  it('refuses another site\'s, another machine\'s, and what looks at tags it does not read', () => {
    refused('wrong_site', () => { admit({ site: 'bremen' }) }, /--site hamburg/)
    refused('wrong_asset', () => { admit({ assets: ['pump-1', 'pump-9'] }) }, /pump-9/)
    const tag = { asset: 'pump-1', role: 'temp', kind: 'scalar' as const, fromUs: null }
    refused('wrong_tags', () => { admit({ tags: [{ ...tag, tag: 'pump-1/oil', toUs: null }] }) }, /pump-1\/oil/)
    // A sensor that was there once.
    admit({ tags: [{ ...tag, tag: 'pump-1/oil', toUs: 5 }] })
  })

  it('refuses what is older than what is in force for any of its machines, and takes the same again', () => {
    const at = (issueNumber: number, digest = 'another') => new Map([['pump-1', { digest, issueNumber }]])
    admit({ issue: 5 }, at(4))
    refused('older', () => { admit({ issue: 5 }, at(6)) }, /new issue/)
    refused('older', () => { admit({ issue: 5 }, at(5)) })
    refused('older', () => { admit({ issue: 5, assets: ['pump-1', 'pump-2'] }, new Map([['pump-2', { digest: 'x', issueNumber: 9 }]])) }, /pump-2/)
    admit({ issue: 5 }, at(5, open(makeBundle(signer, { issue: 5 })).digest))
  })
})
