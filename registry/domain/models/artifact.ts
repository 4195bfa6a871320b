import { z } from 'zod'
import { canonicalJson, sha256Hex } from '../canonical.ts'
import { refuse } from '../errors.ts'

/**
 * A fitted model as one object that explains itself: magic, length of the header, header (canonical JSON), tensors,
 * SHA-256 of all before. One byte order (little-endian, as every platform we run on), one text per model: the same
 * model gives the same bytes, so the digest of the bytes names it.
 */
export interface ModelArtifact {
  readonly kind: string
  /** Feature names in column order. */
  readonly features: readonly string[]
  /** Plain JSON: standardiser, limits, architecture. */
  readonly state: Readonly<Record<string, unknown>>
  /** Weights, by name. */
  readonly tensors: Readonly<Record<string, ArtifactTensor>>
}

export interface ArtifactTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array | Float64Array
}

const headerSchema = z.object({
  format: z.literal(1),
  kind: z.string(),
  features: z.array(z.string()),
  // As it is: a schema would make a copy, and leave out what it knows no name for.
  state: z.custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
  tensors: z.array(z.object({
    name: z.string().regex(/^[a-zA-Z][\w.-]{0,63}$/), type: z.enum(['float32', 'float64']),
    shape: z.array(z.int().nonnegative()).min(1).max(8), offset: z.int().nonnegative(), bytes: z.int().nonnegative(),
  })),
})
type Header = z.infer<typeof headerSchema>

const MAGIC = new TextEncoder().encode('TWMODEL1')
const PREFIX = MAGIC.length + 4
const DIGEST_BYTES = 32
const ELEMENT_BYTES = { float32: 4, float64: 8 } as const

/** SHA-256 over the object's bytes, 64 hex digits: the model's name. */
export const modelArtifactDigest = (bytes: Uint8Array): string => sha256Hex(bytes)

export function encodeModelArtifact(artifact: ModelArtifact): Uint8Array {
  let offset = 0
  const parts: Uint8Array[] = []
  const tensors = Object.keys(artifact.tensors).sort().map((name) => {
    const { shape, values } = artifact.tensors[name] as ArtifactTensor
    if (sizeOf(shape) !== values.length) {
      throw new RangeError(`tensor ${name} has ${values.length} values, not the ${shape.join(' × ')} of its shape`)
    }
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    parts.push(bytes)
    const entry = {
      name, type: values instanceof Float32Array ? 'float32' as const : 'float64' as const,
      shape: [...shape], offset, bytes: bytes.length,
    }
    offset += bytes.length
    return entry
  })
  const header: Header = { format: 1, kind: artifact.kind, features: [...artifact.features], state: artifact.state, tensors }
  const text = new TextEncoder().encode(canonicalJson(header))
  const out = new Uint8Array(PREFIX + text.length + offset + DIGEST_BYTES)
  out.set(MAGIC)
  new DataView(out.buffer).setUint32(MAGIC.length, text.length, true)
  let at = PREFIX
  for (const part of [text, ...parts]) {
    out.set(part, at)
    at += part.length
  }
  out.set(hexBytes(sha256Hex(out.subarray(0, at))), at)
  return out
}

/**
 * Reads an artifact back. Refuses (`digest_mismatch`) bytes that are not what `expectedDigest` names, and without one
 * bytes that are truncated, changed or no artifact at all.
 */
export function decodeModelArtifact(bytes: Uint8Array, expectedDigest?: string): ModelArtifact {
  const actual = modelArtifactDigest(bytes)
  if (expectedDigest !== undefined && actual !== expectedDigest) {
    broken(`its digest is ${actual}, registered was ${expectedDigest}`, { expected: expectedDigest, actual })
  }
  if (bytes.length < PREFIX + DIGEST_BYTES || !MAGIC.every((byte, at) => bytes[at] === byte)) {
    broken('it does not begin like a model artifact', { bytes: bytes.length })
  }
  const body = bytes.subarray(0, bytes.length - DIGEST_BYTES)
  const closing = hexBytes(sha256Hex(body))
  if (!closing.every((byte, at) => bytes[body.length + at] === byte)) {
    broken('its closing checksum does not fit its bytes', { bytes: bytes.length })
  }
  // From here on the checksum vouches for the writer; what does not fit now was written wrongly.
  const start = PREFIX + new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(MAGIC.length, true)
  if (start > body.length) broken('its header ends beyond its bytes', { bytes: bytes.length })
  const header = readHeader(body.subarray(PREFIX, start))
  const tensors: Record<string, ArtifactTensor> = {}
  for (const { name, type, shape, offset, bytes: size } of header.tensors) {
    if (start + offset + size > body.length) broken(`tensor ${name} ends beyond its bytes`, { tensor: name })
    if (sizeOf(shape) * ELEMENT_BYTES[type] !== size) broken(`tensor ${name} does not fill its shape`, { tensor: name })
    // A copy, since a typed array must be aligned and must not keep the whole object alive.
    const raw = new Uint8Array(size)
    raw.set(body.subarray(start + offset, start + offset + size))
    tensors[name] = { shape, values: type === 'float32' ? new Float32Array(raw.buffer) : new Float64Array(raw.buffer) }
  }
  return { kind: header.kind, features: header.features, state: header.state, tensors }
}

function readHeader(bytes: Uint8Array): Header {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    broken('its header is no JSON', { bytes: bytes.length })
  }
  const { data, error } = headerSchema.safeParse(value)
  return data ?? broken(`its header is not of format 1 (${error.issues[0]?.path.join('.') ?? ''})`, {})
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

const hexBytes = (hex: string): Uint8Array => Uint8Array.from({ length: hex.length / 2 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16))

function broken(why: string, details: Record<string, unknown>): never {
  refuse('digest_mismatch', `the model artifact cannot be trusted: ${why}. Restore the object from a backup or register `
    + 'the model again by training it', details)
}
