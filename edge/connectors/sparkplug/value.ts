import { BAD, GOOD, qualityReasons, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import type { Metric, MetricValue } from './payload.ts'

/** Sparkplug's datatypes by number, as far as they are single numbers. */
const BITS: Readonly<Record<number, number>> = { 1: 8, 2: 16, 3: 32, 4: 64, 5: 8, 6: 16, 7: 32, 8: 64 }
const FLOAT = 9
const DOUBLE = 10
const BOOLEAN = 11

const NAMES = [
  'Unknown', 'Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'UInt32', 'UInt64', 'Float', 'Double', 'Boolean', 'String', 'DateTime', 'Text', 'UUID', 'DataSet', 'Bytes',
  'File', 'Template', 'PropertySet', 'PropertySetList',
]

export const isNumericType = (datatype: number) => datatype >= 1 && datatype <= BOOLEAN
export const typeName = (datatype: number) => NAMES[datatype] ?? (datatype <= 34 ? 'array' : `unknown type ${datatype}`)

const WRONG = { raw: NaN, quality: BAD | qualityReasons.device } as const

/** The number of a metric of `datatype`, with its quality. Of a numeric datatype only. */
export function metricNumber({ isNull, value, qualityProperty }: Metric, datatype: number): { readonly raw: number; readonly quality: number } {
  if (isNull || value.field === 'none') return { raw: NaN, quality: BAD | qualityReasons.missing }
  const number = decode(value, datatype)
  if (number === null) return WRONG
  if (!Number.isFinite(number)) return { raw: NaN, quality: BAD | qualityReasons.notFinite }
  return { raw: number, quality: qualityOf(qualityProperty) || (Math.abs(number) > Number.MAX_SAFE_INTEGER && BITS[datatype] === 64 ? UNCERTAIN : GOOD) }
}

function decode(value: MetricValue, datatype: number): number | null {
  const bits = BITS[datatype]
  if (bits !== undefined) {
    if (value.field !== 'int' && value.field !== 'long') return null
    const raw = BigInt(value.value)
    if (datatype > 4) return raw < 1n << BigInt(bits) ? Number(raw) : null
    // Some send the bits of the type alone, others extend the sign to 32 or 64 bits.
    const signed = BigInt.asIntN(bits, raw)
    return raw === BigInt.asUintN(bits, signed) || raw === BigInt.asUintN(32, signed) || raw === BigInt.asUintN(64, signed) ? Number(signed) : null
  }
  if (datatype === FLOAT || datatype === DOUBLE) return value.field === 'float' || value.field === 'double' ? value.value : null
  if (datatype === BOOLEAN && value.field === 'boolean') return value.value ? 1 : 0
  return null
}

/** The property `Quality` knows 192 good, 500 stale and 0 bad. */
function qualityOf(property: number | null): number {
  if (property === null || property === 192) return GOOD
  return property === 500 ? UNCERTAIN | qualityReasons.communication : BAD | qualityReasons.device
}
