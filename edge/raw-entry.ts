import { refuse } from '../registry/domain/errors.ts'
import { batchLimits, modeSchema, type Mode } from '../registry/domain/contract/batch.ts'

/**
 * What a connector hands over, as the device gave it: numbers before any conversion, by the address the device knows.
 * Packed, many readings to an entry: the buffer's durable writes cost by entry, not by reading.
 */
interface RawHead {
  readonly source: string
  readonly mode: Mode
  /** Digest of the tag map that was in force when it arrived; the cutter normalises by it, also after a change. */
  readonly mapDigest: string
  readonly gatewayUs: number
  /** With this entry, the source has delivered all it will regularly deliver up to here (inclusive). */
  readonly completeThroughUs: number | null
}

export interface ReadingsBlock {
  readonly kind: 'readings'
  /** Distinct addresses; `address[i]` indexes them. All columns have the same length. In the buffer, those of the tag map. */
  readonly addresses: readonly string[]
  readonly address: Uint16Array
  readonly sourceUs: Float64Array
  readonly raw: Float64Array
  readonly quality: Uint16Array
}

export interface WaveformsBlock {
  readonly kind: 'waveforms'
  readonly rows: readonly RawWaveform[]
}

export interface RawWaveform {
  readonly address: string
  readonly startUs: number
  readonly intervalUs: number
  readonly quality: number
  readonly samples: Float32Array
}

export type Block = ReadingsBlock | WaveformsBlock
export type RawBlock = RawHead & Block

const READINGS = 1
const WAVEFORMS = 2
/** Version 1 named the addresses in each entry, which took more bytes than a round of readings. */
const NAMED_ADDRESSES = 1
const VERSION = 2
const PREFIX = 8

export const blockCount = (block: Block): number => (block.kind === 'readings' ? block.sourceUs.length : block.rows.length)

/**
 * Bytes for the buffer: kind, version and head length (8 bytes), a JSON head padded to 8, then the columns in the
 * machine's byte order (a buffer never leaves its machine; the uplink ships Arrow). Readings must be by the addresses of
 * the tag map (`Normaliser.byMap`), which the entry names. Refuses (`too_large`) a block that would not fit one batch.
 */
export function encodeRawBlock(block: RawBlock): Uint8Array {
  const { source, mode, mapDigest, gatewayUs, completeThroughUs } = block
  const common = { source, mode, mapDigest, gatewayUs, completeThroughUs }
  if (block.kind === 'readings') {
    const n = block.sourceUs.length
    if (n > batchLimits.rows) tooLarge(source, `${n} readings`, `${batchLimits.rows}`)
    const { bytes, at } = allocate(READINGS, { ...common, n }, 20 * n)
    new Float64Array(bytes.buffer, at, n).set(block.sourceUs)
    new Float64Array(bytes.buffer, at + 8 * n, n).set(block.raw)
    new Uint16Array(bytes.buffer, at + 16 * n, n).set(block.address)
    new Uint16Array(bytes.buffer, at + 18 * n, n).set(block.quality)
    return bytes
  }
  const total = block.rows.reduce((sum, row) => sum + row.samples.length, 0)
  if (total > batchLimits.samples) tooLarge(source, `${total} samples`, `${batchLimits.samples}`)
  const rows = block.rows.map(({ address, startUs, intervalUs, quality, samples }) => ({ address, startUs, intervalUs, quality, n: samples.length }))
  const { bytes, at } = allocate(WAVEFORMS, { ...common, rows }, 4 * total)
  let offset = at
  for (const row of block.rows) {
    new Float32Array(bytes.buffer, offset, row.samples.length).set(row.samples)
    offset += 4 * row.samples.length
  }
  return bytes
}

/** Written by a later version than this, which alone can read it. */
export const isNewerEntry = (bytes: Uint8Array): boolean => (bytes[1] ?? 0) > VERSION

/**
 * Reads what {@link encodeRawBlock} wrote, of this version or an earlier one; refuses (`contract_broken`) anything else.
 * Columns are views of `bytes`.
 * @param addressesOf the addresses of a tag map, by its digest
 */
export function decodeRawBlock(bytes: Uint8Array, addressesOf: (mapDigest: string) => readonly string[] | undefined): RawBlock {
  // Typed arrays need their bytes aligned, which a slice of a page is not.
  const data = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  if (data.byteLength < PREFIX || (data[0] !== READINGS && data[0] !== WAVEFORMS) || (data[1] !== NAMED_ADDRESSES && data[1] !== VERSION)) broken('its first bytes are of no known kind')
  const headLength = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(4, true)
  const head = readHead(data.subarray(PREFIX, PREFIX + headLength))
  let at = padded(PREFIX + headLength)
  const common: RawHead = {
    source: head.source, mode: head.mode, mapDigest: head.mapDigest, gatewayUs: head.gatewayUs, completeThroughUs: head.completeThroughUs,
  }
  const base = data.byteOffset
  if (head.n !== undefined) {
    const n = head.n
    const addresses = addressesOf(head.mapDigest) ?? broken('its tag map is not in the buffer')
    if (!isCount(n) || data.byteLength !== at + 20 * n) broken('it is shorter or longer than its head says')
    return {
      ...common,
      kind: 'readings',
      addresses,
      sourceUs: new Float64Array(data.buffer, base + at, n),
      raw: new Float64Array(data.buffer, base + at + 8 * n, n),
      address: byMap(new Uint16Array(data.buffer, base + at + 16 * n, n), head.addresses, addresses),
      quality: new Uint16Array(data.buffer, base + at + 18 * n, n),
    }
  }
  const rows = (head.rows ?? []).map(({ n, ...row }) => {
    if (!isCount(n) || at + 4 * n > data.byteLength) broken('it is shorter than its head says')
    const samples = new Float32Array(data.buffer, base + at, n)
    at += 4 * n
    return { ...row, samples }
  })
  return { ...common, kind: 'waveforms', rows }
}

/** Addresses named in the entry, as indexes of the map's. */
function byMap(address: Uint16Array, named: readonly string[] | undefined, addresses: readonly string[]): Uint16Array {
  if (!named) return address
  const indexOf = new Map(addresses.map((name, index) => [name, index]))
  const indexes = named.map((name) => indexOf.get(name) ?? broken(`its tag map has no address "${name}"`))
  return address.map((at) => indexes[at] ?? broken('it refers to an address that it does not name'))
}

interface StoredHead extends RawHead {
  /** In version 1. */
  readonly addresses?: readonly string[]
  readonly n?: number
  readonly rows?: readonly (Omit<RawWaveform, 'samples'> & { readonly n: number })[]
}

function readHead(bytes: Uint8Array): StoredHead {
  try {
    const head = JSON.parse(Buffer.from(bytes).toString('utf8')) as StoredHead
    modeSchema.parse(head.mode)
    return head
  } catch {
    return broken('its head is not readable')
  }
}

function allocate(kind: number, head: object, columnBytes: number): { bytes: Uint8Array; at: number } {
  const text = Buffer.from(JSON.stringify(head), 'utf8')
  const at = padded(PREFIX + text.byteLength)
  const bytes = new Uint8Array(at + columnBytes)
  bytes[0] = kind
  bytes[1] = VERSION
  new DataView(bytes.buffer).setUint32(4, text.byteLength, true)
  bytes.set(text, PREFIX)
  return { bytes, at }
}

const isCount = (n: number) => Number.isSafeInteger(n) && n >= 0
const padded = (length: number) => (length + 7) & ~7

function tooLarge(source: string, what: string, limit: string): never {
  return refuse('too_large', `source ${source} delivered ${what} in one block; hand over at most ${limit} at once`)
}

function broken(why: string): never {
  return refuse('contract_broken', `a raw entry of the buffer cannot be read: ${why}. The buffer's file is damaged.`)
}
