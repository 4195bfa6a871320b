import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'

/**
 * The bytes of a signed file: magic and format version (8), id of the signing key (32, SHA-256 over its SPKI), lengths of
 * manifest and content (4 each, little-endian), manifest (canonical JSON), content, Ed25519 signature (64, RFC 8032) over
 * all before it. The signature begins with the magic, so what was signed as one kind never passes for another.
 */
export interface Envelope {
  /** 64 hex digits. */
  readonly keyId: string
  readonly manifest: Uint8Array
  readonly content: Uint8Array
  /** What is signed. */
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

export type EnvelopeFault = 'not_a_bundle' | 'format' | 'too_large' | 'truncated' | 'unsigned'

export interface EnvelopeKind {
  /** Seven letters. */
  readonly magic: string
  readonly format: number
  readonly maxBytes: number
  /** As people call it. */
  readonly noun: string
  /** How one is made, as a sentence tells it. */
  readonly made: string
  /** What to do about one that is cut short, unsigned, of another format, too large. */
  readonly cure: { readonly again: string; readonly sign: string; readonly format: string; readonly smaller: string }
  readonly refuse: (fault: EnvelopeFault, message: string, details?: Record<string, unknown>) => never
}

export interface EnvelopeCodec {
  /** Everything but the signature. */
  readonly body: (keyId: string, manifest: Uint8Array, content: Uint8Array) => Uint8Array
  /** Takes one apart without believing any of it: bounds only. Refuses what is none, of another format, too large, cut short or unsigned. */
  readonly read: (bytes: Uint8Array) => Envelope
  /** How many of the bytes are the envelope, by what its head says; all of them where it has no whole head. */
  readonly lengthOf: (bytes: Uint8Array) => number
}

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const MAGIC_BYTES = 8
const HEADER = MAGIC_BYTES + KEY_BYTES + 8

export function createEnvelopeCodec({ magic, format, maxBytes, noun, made, cure, refuse }: EnvelopeKind): EnvelopeCodec {
  const name = new TextEncoder().encode(magic)
  if (name.length !== MAGIC_BYTES - 1) throw new RangeError(`${magic} has not ${MAGIC_BYTES - 1} letters`)
  const capital = /^[aeiou]/.test(noun) ? 'An' : 'A'

  function checkSize(bytes: number): void {
    if (bytes > maxBytes) refuse('too_large', `${capital} ${noun} has at most ${maxBytes} bytes, this one has ${bytes}. ${cure.smaller}`, { bytes, limit: maxBytes })
  }

  return {
    body(keyId, manifest, content) {
      const body = new Uint8Array(HEADER + manifest.length + content.length)
      body.set(name)
      body[name.length] = 0x30 + format
      body.set(hexToBytes(keyId), MAGIC_BYTES)
      const view = new DataView(body.buffer)
      view.setUint32(HEADER - 8, manifest.length, true)
      view.setUint32(HEADER - 4, content.length, true)
      body.set(manifest, HEADER)
      body.set(content, HEADER + manifest.length)
      checkSize(body.length + SIGNATURE_BYTES)
      return body
    },
    read(bytes) {
      checkSize(bytes.length)
      if (bytes.length < MAGIC_BYTES || !name.every((byte, at) => bytes[at] === byte)) refuse('not_a_bundle', `This file is no ${noun}: it does not begin like one. ${capital} ${noun} is what ${made}.`)
      if (bytes[name.length] !== 0x30 + format) refuse('format', `This ${noun} is of a format that this gateway does not know (it knows ${format}). ${cure.format}`)
      if (bytes.length < HEADER) refuse('truncated', `This ${noun} ends after ${bytes.length} bytes, within its head. ${cure.again}`)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const manifestEnd = HEADER + view.getUint32(HEADER - 8, true)
      const contentEnd = manifestEnd + view.getUint32(HEADER - 4, true)
      const whole = contentEnd + SIGNATURE_BYTES
      const keyId = bytesToHex(bytes.subarray(MAGIC_BYTES, MAGIC_BYTES + KEY_BYTES))
      if (bytes.length === contentEnd || /^0+$/.test(keyId)) refuse('unsigned', `This ${noun} bears no signature, so nobody answers for it. ${cure.sign}`)
      if (bytes.length !== whole) refuse('truncated', `This ${noun} should have ${whole} bytes and has ${bytes.length}. ${cure.again}`, { expected: whole, actual: bytes.length })
      return { keyId, manifest: bytes.subarray(HEADER, manifestEnd), content: bytes.subarray(manifestEnd, contentEnd), body: bytes.subarray(0, contentEnd), signature: bytes.subarray(contentEnd) }
    },
    lengthOf(bytes) {
      if (bytes.length < HEADER) return bytes.length
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      return HEADER + view.getUint32(HEADER - 8, true) + view.getUint32(HEADER - 4, true) + SIGNATURE_BYTES
    },
  }
}

export function withSignature(body: Uint8Array, signature: Uint8Array): Uint8Array {
  if (signature.length !== SIGNATURE_BYTES) throw new RangeError(`an Ed25519 signature has ${SIGNATURE_BYTES} bytes, not ${signature.length}`)
  const out = new Uint8Array(body.length + SIGNATURE_BYTES)
  out.set(body)
  out.set(signature, body.length)
  return out
}

/** The manifest's bytes of an envelope that has been read and checked before. */
export function manifestOf(envelope: Uint8Array): Uint8Array {
  const view = new DataView(envelope.buffer, envelope.byteOffset, envelope.byteLength)
  return envelope.subarray(HEADER, HEADER + view.getUint32(HEADER - 8, true))
}
