import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** Sparkplug B payload (Eclipse Sparkplug 3.0, chapter 6.4), as far as numbers need it. Times are UTC milliseconds. */
export interface Payload {
  readonly timestampMs: number | null
  readonly seq: number | null
  /** Names an encoding of its own, such as SPBV1.0_COMPRESSED. */
  readonly uuid: string | null
  readonly metrics: readonly Metric[]
}

export interface Metric {
  readonly name: string | null
  readonly alias: bigint | null
  readonly timestampMs: number | null
  readonly datatype: number | null
  readonly historical: boolean
  readonly isNull: boolean
  /** The property `Quality`: 192 good, 500 stale, 0 bad. */
  readonly qualityProperty: number | null
  /** The property `engUnit`, by which many makers name the unit. */
  readonly unitProperty: string | null
  readonly value: MetricValue
}

/** Which field of the one-of it came in; integers with the bits as sent. `other`: text, bytes, data sets, templates. */
export type MetricValue =
  | { readonly field: 'none' | 'other' }
  | { readonly field: 'int' | 'float' | 'double'; readonly value: number }
  | { readonly field: 'long'; readonly value: bigint }
  | { readonly field: 'boolean'; readonly value: boolean }

const NO_VALUE: MetricValue = { field: 'none' }
const OTHER: MetricValue = { field: 'other' }
const MOST_METRICS = 100_000
const PROPERTIES = 1_000
const LONGEST_UNIT = 100

/**
 * Reads a payload; throws a plain Error when it is none. Only what numbers need is taken out: data sets, templates and
 * files are stepped over without being read, so that nothing grows beyond the bytes there are.
 */
export function decodePayload(bytes: Uint8Array): Payload {
  const reader = new BinaryReader(bytes)
  let timestampMs: number | null = null
  let seq: number | null = null
  let uuid: string | null = null
  const metrics: Metric[] = []
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (field === 1 && wire === WireType.Varint) timestampMs = toMs(reader.uint64())
    else if (field === 2 && wire === WireType.LengthDelimited) {
      if (metrics.length >= MOST_METRICS) throw new Error(`more than ${MOST_METRICS} metrics`)
      metrics.push(decodeMetric(reader.bytes()))
    } else if (field === 3 && wire === WireType.Varint) {
      const value = BigInt(reader.uint64())
      if (value > 255n) throw new Error('a sequence number above 255')
      seq = Number(value)
    } else if (field === 4 && wire === WireType.LengthDelimited) uuid = reader.string()
    else reader.skip(wire, field)
  }
  return { timestampMs, seq, uuid, metrics }
}

function decodeMetric(bytes: Uint8Array): Metric {
  const reader = new BinaryReader(bytes)
  let name: string | null = null
  let alias: bigint | null = null
  let timestampMs: number | null = null
  let datatype: number | null = null
  let historical = false
  let isNull = false
  let properties = NO_PROPERTIES
  let value = NO_VALUE
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (wire === WireType.Varint) {
      if (field === 2) alias = BigInt(reader.uint64())
      else if (field === 3) timestampMs = toMs(reader.uint64())
      else if (field === 4) datatype = reader.uint32()
      else if (field === 5) historical = reader.bool()
      else if (field === 7) isNull = reader.bool()
      else if (field === 10) value = { field: 'int', value: reader.uint32() }
      else if (field === 11) value = { field: 'long', value: BigInt(reader.uint64()) }
      else if (field === 14) value = { field: 'boolean', value: reader.bool() }
      else reader.skip(wire, field)
    } else if (field === 1 && wire === WireType.LengthDelimited) name = reader.string(true)
    else if (field === 9 && wire === WireType.LengthDelimited) properties = decodeProperties(reader.bytes())
    else if (field === 12 && wire === WireType.Bit32) value = { field: 'float', value: reader.float() }
    else if (field === 13 && wire === WireType.Bit64) value = { field: 'double', value: reader.double() }
    else {
      if (field >= 10 && field <= 19) value = OTHER
      reader.skip(wire, field)
    }
  }
  // JavaScript reads beyond the end of its bytes as zero.
  if (reader.pos > reader.len) throw new Error('a metric is cut short')
  return { name, alias, timestampMs, datatype, historical, isNull, qualityProperty: properties.quality, unitProperty: properties.unit, value }
}

interface Properties { readonly quality: number | null; readonly unit: string | null }
const NO_PROPERTIES: Properties = { quality: null, unit: null }

/** Keys and values of a PropertySet stand in two lists of one order. */
function decodeProperties(bytes: Uint8Array): Properties {
  const reader = new BinaryReader(bytes)
  let keys = 0
  let qualityAt = -1
  let unitAt = -1
  const values: (number | string | null)[] = []
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (field === 1 && wire === WireType.LengthDelimited) {
      const key = reader.string()
      if (key === 'Quality') qualityAt = keys
      else if (key === 'engUnit') unitAt = keys
      keys++
    } else if (field === 2 && wire === WireType.LengthDelimited) values.push(decodeProperty(reader.bytes()))
    else reader.skip(wire, field)
    if (keys > PROPERTIES || values.length > PROPERTIES) throw new Error(`more than ${PROPERTIES} properties`)
  }
  const quality = values[qualityAt] ?? null
  const unit = values[unitAt] ?? null
  return { quality: typeof quality === 'number' ? quality : null, unit: typeof unit === 'string' ? unit : null }
}

function decodeProperty(bytes: Uint8Array): number | string | null {
  const reader = new BinaryReader(bytes)
  let value: number | string | null = null
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag()
    if (field === 3 && wire === WireType.Varint) value = reader.uint32()
    else if (field === 4 && wire === WireType.Varint) value = Number(reader.uint64())
    else if (field === 8 && wire === WireType.LengthDelimited) value = reader.string().slice(0, LONGEST_UNIT)
    else reader.skip(wire, field)
  }
  return value
}

/** The last moment that microseconds can hold exactly. */
const LAST_MS = 2n ** 53n / 1_000n

function toMs(value: bigint | string): number {
  const ms = BigInt(value)
  if (ms > LAST_MS) throw new Error('a timestamp beyond the year 2255')
  return Number(ms)
}

const BOOLEAN = 11

/** `Node Control/Rebirth` = true, for the topic of a node's commands. */
export function encodeRebirth(nowMs: number): Uint8Array {
  const timestamp = BigInt(Math.trunc(nowMs))
  return new BinaryWriter()
    .tag(1, WireType.Varint).uint64(timestamp)
    .tag(2, WireType.LengthDelimited).fork()
    .tag(1, WireType.LengthDelimited).string('Node Control/Rebirth')
    .tag(3, WireType.Varint).uint64(timestamp)
    .tag(4, WireType.Varint).uint32(BOOLEAN)
    .tag(14, WireType.Varint).bool(true)
    .join()
    .finish()
}
