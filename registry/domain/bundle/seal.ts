import { canonicalJson } from '../canonical.ts'
import { bundleBody, withSignature } from './envelope.ts'
import { bundleManifestSchema, type BundleManifest } from './manifest.ts'

export interface BundleSigner {
  /** SHA-256 over the public key (SPKI, DER), hex. */
  readonly keyId: string
  /** Ed25519. */
  sign(bytes: Uint8Array): Uint8Array
}

/** The bundle's bytes: the same manifest, model and key give the same ones. */
export function sealBundle(signer: BundleSigner, manifest: BundleManifest, model: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(canonicalJson(bundleManifestSchema.parse(manifest)))
  const body = bundleBody(signer.keyId, text, model)
  return withSignature(body, signer.sign(body))
}
