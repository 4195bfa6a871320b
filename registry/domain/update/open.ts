import type { SignatureCheck } from '../bundle/open.ts'
import type { BundleSigner } from '../bundle/seal.ts'
import { canonicalJson, sha256Hex } from '../canonical.ts'
import { createEnvelopeCodec, withSignature } from '../signed/envelope.ts'
import { readManifest } from '../signed/read-manifest.ts'
import { unpackedBytes, updateManifestSchema, type UpdateManifest } from './manifest.ts'
import { refuseUpdate } from './refusal.ts'

/** Far above any gateway of ours (28 MB, 8 MB compressed). */
export const MAX_UPDATE_BYTES = 64 * 1024 * 1024
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024
const MAX_MANIFEST_BYTES = 2 * 1024 * 1024

const AGAIN = 'Copy it to the gateway again, or make it again with "twinward edge package".'

/**
 * An update is a signed manifest and behind it the files it speaks of: whoever signs need not have the files, as the
 * manifest holds their digests; and whoever checks need not hold the files to know whom they are from.
 */
const codec = createEnvelopeCodec({
  magic: 'TWUPDAT', format: 1, maxBytes: MAX_MANIFEST_BYTES, noun: 'update', made: '"twinward edge package --out FILE" writes on the platform',
  cure: {
    again: AGAIN, sign: 'Make it with "twinward edge package", which has the platform sign it.',
    format: 'Install by hand a gateway of the version that the platform has.', smaller: 'Make it again with "twinward edge package".',
  },
  refuse: refuseUpdate,
})

export interface OpenUpdate {
  /** SHA-256 over the signed manifest: which update it is, files and all. */
  readonly digest: string
  readonly keyId: string
  readonly manifest: UpdateManifest
  /** Not yet held against its digest: that is for whoever unpacks it. */
  readonly payload: Uint8Array
}

/** The signed manifest of an update; the payload goes behind it. */
export function sealUpdate(signer: BundleSigner, manifest: UpdateManifest): Uint8Array {
  const body = codec.body(signer.keyId, new TextEncoder().encode(canonicalJson(updateManifestSchema.parse(manifest))), new Uint8Array())
  return withSignature(body, signer.sign(body))
}

/** Opens an update, or refuses it with the cure (`details.fault`). The signature comes first: of what is not signed by a trusted key nothing but lengths is looked at. */
export function openUpdate(bytes: Uint8Array, check: SignatureCheck): OpenUpdate {
  if (bytes.length > MAX_UPDATE_BYTES) refuseUpdate('too_large', `An update has at most ${MAX_UPDATE_BYTES} bytes, this one has ${bytes.length}. ${AGAIN}`, { bytes: bytes.length, limit: MAX_UPDATE_BYTES })
  const sealed = bytes.subarray(0, Math.min(codec.lengthOf(bytes), bytes.length))
  const { keyId, manifest: text, body, signature } = codec.read(sealed)
  const verdict = check(keyId, body, signature)
  if (verdict === 'unknown_key') {
    refuseUpdate('unknown_key', `This update is signed by key ${keyId}, which this gateway does not trust. Fetch the platform's key with "twinward bundle-key --out KEY.pem", compare its id, and give it with --trust KEY.pem.`, { keyId })
  }
  if (verdict === 'bad') refuseUpdate('changed', `This update is not what was signed: it was changed or damaged on its way. ${AGAIN}`, { keyId })
  const manifest = readManifest(updateManifestSchema, text, unreadable)
  if (unpackedBytes(manifest) > MAX_UNPACKED_BYTES) unreadable(`its files have more than ${MAX_UNPACKED_BYTES} bytes`)
  const payload = bytes.subarray(sealed.length)
  if (payload.length !== manifest.payload.bytes) {
    refuseUpdate('truncated', `This update should have ${sealed.length + manifest.payload.bytes} bytes and has ${bytes.length}. ${AGAIN}`, { expected: sealed.length + manifest.payload.bytes, actual: bytes.length })
  }
  return { digest: sha256Hex(sealed), keyId, manifest, payload }
}

function unreadable(why: string): never {
  return refuseUpdate('unreadable', `This gateway cannot carry out what the update holds: ${why}. Make it again with "twinward edge package" on a platform of a version near this gateway's, or install by hand.`)
}
