import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { refuseBundle } from './refusal.ts'

/**
 * A bundle's bytes: magic and format version (8), id of the signing key (32, SHA-256 over its SPKI), lengths of manifest
 * and model (4 each, little-endian), manifest (canonical JSON), model artifact, Ed25519 signature (64, RFC 8032) over all
 * before it. The signature begins with the magic, so nothing else that a key ever signed can pass for a bundle.
 */
export interface Envelope {
  /** 64 hex digits. */
  readonly keyId: string
  readonly manifest: Uint8Array
  readonly model: Uint8Array
  /** What is signed. */
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

/** Larger than any model of ours by far; a gateway reads a bundle into memory. */
export const MAX_BUNDLE_BYTES = 16 * 1024 * 1024

const FORMAT = 1
const NAME = new TextEncoder().encode('TWBUNDL')
const KEY_BYTES = 32
const HEADER = NAME.length + 1 + KEY_BYTES + 8
const SIGNATURE_BYTES = 64
const AGAIN = 'Copy it to the gateway again, or export it again with "twinward bundle".'

/** Everything but the signature. */
export function bundleBody(keyId: string, manifest: Uint8Array, model: Uint8Array): Uint8Array {
  const body = new Uint8Array(HEADER + manifest.length + model.length)
  body.set(NAME)
  body[NAME.length] = 0x30 + FORMAT
  body.set(hexToBytes(keyId), NAME.length + 1)
  const view = new DataView(body.buffer)
  view.setUint32(HEADER - 8, manifest.length, true)
  view.setUint32(HEADER - 4, model.length, true)
  body.set(manifest, HEADER)
  body.set(model, HEADER + manifest.length)
  checkSize(body.length + SIGNATURE_BYTES)
  return body
}

export function withSignature(body: Uint8Array, signature: Uint8Array): Uint8Array {
  if (signature.length !== SIGNATURE_BYTES) throw new RangeError(`an Ed25519 signature has ${SIGNATURE_BYTES} bytes, not ${signature.length}`)
  const out = new Uint8Array(body.length + SIGNATURE_BYTES)
  out.set(body)
  out.set(signature, body.length)
  return out
}

/** Takes a bundle apart without believing any of it: bounds only. Refuses what is none, of another format, too large, cut short or unsigned. */
export function readEnvelope(bytes: Uint8Array): Envelope {
  checkSize(bytes.length)
  if (bytes.length <= NAME.length || !NAME.every((byte, at) => bytes[at] === byte)) {
    refuseBundle('not_a_bundle', 'This file is no bundle: it does not begin like one. A bundle is what "twinward bundle RELEASE --asset ASSET --out FILE" writes on the platform.')
  }
  if (bytes[NAME.length] !== 0x30 + FORMAT) {
    refuseBundle('format', `This bundle is of a format that this gateway does not know (it knows ${FORMAT}). Update the gateway, or export the bundle from a platform of its version.`)
  }
  if (bytes.length < HEADER) refuseBundle('truncated', `This bundle ends after ${bytes.length} bytes, within its head. ${AGAIN}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const manifestEnd = HEADER + view.getUint32(HEADER - 8, true)
  const modelEnd = manifestEnd + view.getUint32(HEADER - 4, true)
  const whole = modelEnd + SIGNATURE_BYTES
  const keyId = bytesToHex(bytes.subarray(NAME.length + 1, NAME.length + 1 + KEY_BYTES))
  if (bytes.length === modelEnd || /^0+$/.test(keyId)) {
    refuseBundle('unsigned', 'This bundle bears no signature, so nobody answers for it. Export it from the platform with "twinward bundle", which signs it.')
  }
  if (bytes.length !== whole) refuseBundle('truncated', `This bundle should have ${whole} bytes and has ${bytes.length}. ${AGAIN}`, { expected: whole, actual: bytes.length })
  return {
    keyId, manifest: bytes.subarray(HEADER, manifestEnd), model: bytes.subarray(manifestEnd, modelEnd),
    body: bytes.subarray(0, modelEnd), signature: bytes.subarray(modelEnd),
  }
}

function checkSize(bytes: number): void {
  if (bytes <= MAX_BUNDLE_BYTES) return
  refuseBundle('too_large', `A bundle has at most ${MAX_BUNDLE_BYTES} bytes, this one has ${bytes}. Export it for fewer machines, or train a smaller model.`, { bytes, limit: MAX_BUNDLE_BYTES })
}
