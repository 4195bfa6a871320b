import { canonicalDigest, canonicalJson, sha256Hex } from '../canonical.ts'
import { DomainError } from '../errors.ts'
import { featureSetDigest } from '../features/feature-set.ts'
import { decodeModelArtifact } from '../models/artifact.ts'
import type { Model } from '../models/model.ts'
import { plainModel } from '../models/plain-model.ts'
import { policyDigest } from '../policy/policy.ts'
import { readManifest } from '../signed/read-manifest.ts'
import { readEnvelope } from './envelope.ts'
import { bundleManifestSchema, releaseDigest, type BundleManifest } from './manifest.ts'
import { refuseBundle } from './refusal.ts'

/** Whether a signature is of a key that is trusted here; the arithmetic of it is the caller's. */
export type SignatureCheck = (keyId: string, body: Uint8Array, signature: Uint8Array) => 'good' | 'bad' | 'unknown_key'

/** A bundle of which everything has been checked that it can be checked by itself. */
export interface OpenBundle {
  /** SHA-256 over its bytes: which bundle it is. */
  readonly digest: string
  readonly keyId: string
  readonly manifest: BundleManifest
  readonly model: Model
}

/**
 * Opens a bundle, or refuses it with the cure (`details.fault`). The signature comes first: of what is not signed by a
 * trusted key nothing but lengths is looked at. Then every part is held against its digest, the digests against that of
 * the release that was approved, and each part is read by what will carry it out.
 */
export function openBundle(bytes: Uint8Array, check: SignatureCheck): OpenBundle {
  const { keyId, manifest: text, content: modelBytes, body, signature } = readEnvelope(bytes)
  const verdict = check(keyId, body, signature)
  if (verdict === 'unknown_key') {
    refuseBundle('unknown_key', `This bundle is signed by key ${keyId}, which this gateway does not trust. Fetch the platform's key with `
      + '"twinward bundle-key --out KEY.pem", compare its id, and give it with --trust KEY.pem.', { keyId })
  }
  if (verdict === 'bad') {
    refuseBundle('changed', 'This bundle is not what was signed: it was changed or damaged on its way. Copy it to the gateway again, or export it again with "twinward bundle".', { keyId })
  }
  const manifest = readManifest(bundleManifestSchema, text, unreadable)
  checkDigests(manifest, modelBytes)
  return { digest: sha256Hex(bytes), keyId, manifest, model: readModel(manifest, modelBytes) }
}

function checkDigests({ release, model, featureSet, calibration, policy }: BundleManifest, modelBytes: Uint8Array): void {
  const parts = [
    ['model', model.digest, sha256Hex(modelBytes)], ['feature set', featureSet.digest, featureSetDigest(featureSet.definition)],
    ['calibration', calibration.digest, canonicalDigest(calibration.state)], ['policy', policy.digest, policyDigest(policy.definition)],
    ['release', release.digest, releaseDigest({ family: release.family, model, featureSet: featureSet.digest, calibration: calibration.digest, policy: policy.digest })],
  ] as const
  for (const [part, expected, actual] of parts) {
    if (expected === actual) continue
    refuseBundle('changed', `The ${part} in this bundle is not the one that release ${release.id} binds. Export the bundle again with "twinward bundle"; if it stays so, look at the release on the platform.`, { part, expected, actual })
  }
}

function readModel({ model, featureSet }: BundleManifest, bytes: Uint8Array): Model {
  const names = featureSet.definition.features.map(({ name }) => name)
  try {
    const artifact = decodeModelArtifact(bytes)
    if (artifact.kind !== model.kind) return unreadable(`its model is of kind ${artifact.kind}, not ${model.kind}`)
    if (canonicalJson([...artifact.features]) !== canonicalJson(names)) return unreadable('its model was made for other features than those of its feature set')
    const read = plainModel(artifact)
    if (read.featureCount !== names.length) return unreadable(`its model takes ${read.featureCount} features, its feature set gives ${names.length}`)
    return read
  } catch (error) {
    if (!(error instanceof DomainError) || 'fault' in error.details) throw error
    return unreadable(error.message)
  }
}

function unreadable(why: string): never {
  return refuseBundle('unreadable', `This gateway cannot carry out what the bundle holds: ${why}. Update the gateway, or export the bundle from a platform of its version.`)
}
