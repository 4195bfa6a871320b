import { createHash } from 'node:crypto'
import { canonicalJson } from '../domain/canonical.ts'
import { refuse } from '../domain/errors.ts'

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

interface Header {
  format: 1
  kind: string
  features: string[]
  state: Record<string, unknown>
  tensors: { name: string; type: 'float32' | 'float64'; shape: number[]; offset: number; bytes: number }[]
}

const MAGIC = Buffer.from('TWMODEL1', 'latin1')
const PREFIX = MAGIC.length + 4
const DIGEST_BYTES = 32
export const modelArtifactType = 'application/vnd.twinward.model'

/** Where the object of a model lies in bucket `models`. */
export const modelArtifactKey = (family: string, digest: string): string => `${family}/${digest}`

/** SHA-256 over the object's bytes, 64 hex digits: the model's name. */
export const modelArtifactDigest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export function encodeModelArtifact(artifact: ModelArtifact): Uint8Array {
  let offset = 0
  const parts: Uint8Array[] = []
  const tensors = Object.keys(artifact.tensors).sort().map((name) => {
    const { shape, values } = artifact.tensors[name] as ArtifactTensor
    if (shape.reduce((product, size) => product * size, 1) !== values.length) {
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
  const text = Buffer.from(canonicalJson(header), 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  const body = Buffer.concat([MAGIC, length, text, ...parts])
  return new Uint8Array(Buffer.concat([body, createHash('sha256').update(body).digest()]))
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
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < PREFIX + DIGEST_BYTES || !buffer.subarray(0, MAGIC.length).equals(MAGIC)) {
    broken('it does not begin like a model artifact', { bytes: buffer.length })
  }
  const body = buffer.subarray(0, buffer.length - DIGEST_BYTES)
  if (!createHash('sha256').update(body).digest().equals(buffer.subarray(body.length))) {
    broken('its closing checksum does not fit its bytes', { bytes: buffer.length })
  }
  const start = PREFIX + body.readUInt32LE(MAGIC.length)
  // From here on the checksum vouches for the writer; what does not fit now was written wrongly.
  const header = JSON.parse(body.subarray(PREFIX, start).toString('utf8')) as Header
  const tensors: Record<string, ArtifactTensor> = {}
  for (const { name, type, shape, offset, bytes: size } of header.tensors) {
    if (start + offset + size > body.length) broken(`tensor ${name} ends beyond its bytes`, { tensor: name })
    // A copy, since a typed array must be aligned and must not keep the whole object alive.
    const raw = new Uint8Array(size)
    raw.set(body.subarray(start + offset, start + offset + size))
    tensors[name] = { shape, values: type === 'float32' ? new Float32Array(raw.buffer) : new Float64Array(raw.buffer) }
  }
  return { kind: header.kind, features: header.features, state: header.state, tensors }
}

function broken(why: string, details: Record<string, unknown>): never {
  refuse('digest_mismatch', `the model artifact cannot be trusted: ${why}. Restore the object from a backup or register `
    + 'the model again by training it', details)
}
