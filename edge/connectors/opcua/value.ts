/** The numbers of a built-in type (OPC UA Part 6, 5.1.2): Boolean, SByte … UInt64, Float, Double. */
const BOOLEAN = 1
const FIRST_NUMBER = 2
const INT64 = 8
const UINT64 = 9
const LAST_NUMBER = 11
const TYPE_NAMES = [
  'null', 'Boolean', 'SByte', 'Byte', 'Int16', 'UInt16', 'Int32', 'UInt32', 'Int64', 'UInt64', 'Float', 'Double', 'String', 'DateTime', 'Guid',
  'ByteString', 'XmlElement', 'NodeId', 'ExpandedNodeId', 'StatusCode', 'QualifiedName', 'LocalizedText', 'ExtensionObject', 'DataValue', 'Variant',
]
const SCALAR = 0

/** What of a decoded variant matters here; 64-bit integers come as [high, low] pairs of 32 bits. */
export interface VariantLike {
  readonly dataType: number
  readonly arrayType: number
  readonly value: unknown
}

/** A value without a number is refused for its address, with what it is instead. */
export type Refused = { readonly refused: string }

/** The number of a scalar variant; NaN for an empty one (there is none, whatever the status says). */
export function scalarOf(variant: VariantLike | null | undefined): number | Refused {
  if (isEmpty(variant)) return NaN
  if (variant.arrayType !== SCALAR) return { refused: `an array of ${typeName(variant)}; map it as a waveform, with sampleRateHz under nodes` }
  return numberOf(variant.dataType, variant.value) ?? { refused: typeName(variant) }
}

/** The samples of a one-dimensional array of numbers; none for an empty variant. */
export function samplesOf(variant: VariantLike | null | undefined): Float32Array | Refused {
  if (isEmpty(variant)) return new Float32Array(0)
  const { dataType, arrayType, value } = variant
  if (arrayType !== 1 || !isList(value)) return { refused: `${arrayType === SCALAR ? 'a single' : 'a matrix of'} ${typeName(variant)}, not an array` }
  const samples = new Float32Array(value.length)
  for (let i = 0; i < value.length; i++) {
    const sample = numberOf(dataType, value[i])
    if (sample === undefined) return { refused: `an array of ${typeName(variant)}` }
    samples[i] = sample
  }
  return samples
}

function numberOf(dataType: number, value: unknown): number | undefined {
  if (dataType === BOOLEAN) return typeof value === 'boolean' ? Number(value) : undefined
  if (dataType === INT64 || dataType === UINT64) {
    if (!isList(value) || value.length !== 2) return undefined
    const [high, low] = [Number(value[0]), Number(value[1])]
    return (dataType === INT64 ? high | 0 : high >>> 0) * 2 ** 32 + (low >>> 0)
  }
  return dataType >= FIRST_NUMBER && dataType <= LAST_NUMBER && typeof value === 'number' ? value : undefined
}

function isEmpty(variant: VariantLike | null | undefined): variant is null | undefined {
  return variant === null || variant === undefined || variant.dataType === 0 || variant.value === null || variant.value === undefined
}

const isList = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
const typeName = ({ dataType }: VariantLike) => TYPE_NAMES[dataType] ?? `type ${dataType}`
