import { refuse } from '../registry/domain/errors.ts'
import { linearConversion } from '../registry/domain/contract/unit.ts'
import { BAD, qualityReasons, QUALITY_LEVEL_MASK } from '../registry/domain/contract/quality.ts'
import type { WaveformRow } from '../registry/domain/contract/reading.ts'
import type { ReadingsBlock, WaveformsBlock } from './raw-entry.ts'
import { tagMapDigest, type TagMap, type TagMapping } from './tag-map.ts'

/** Readings as the contract wants them, still in the order of arrival; `tag[i]` indexes the normaliser's `tags`. */
export interface NormalReadings {
  readonly tag: Uint16Array
  readonly sourceUs: Float64Array
  readonly raw: Float64Array
  readonly value: Float64Array
  readonly quality: Uint16Array
}

/** Turns what devices gave into canonical values by one tag map: value = raw · slope + shift, tag by tag. */
export interface Normaliser {
  readonly digest: string
  /** Tag keys, ascending: an index compares as its key does. */
  readonly tags: readonly string[]
  /** What the map says of a tag, beside its conversion. */
  mapping(tag: string): TagMapping | undefined
  /** Refuses (`invalid`) an address that the map does not name, or that is mapped to another kind. */
  check(kind: 'scalar' | 'waveform', address: string): void
  /** Tags that an address feeds; none when the map does not name it. */
  tagsOf(address: string): readonly string[]
  /** One set of columns, or one for each further tag that an address of the block feeds. */
  readings(block: ReadingsBlock): NormalReadings[]
  waveforms(block: WaveformsBlock, gatewayUs: number): WaveformRow[]
}

interface Rule {
  readonly tag: string
  readonly tagIndex: number
  readonly kind: 'scalar' | 'waveform'
  readonly slope: number
  readonly shift: number
}

const NOT_FINITE = BAD | qualityReasons.notFinite

/** Refuses (`unit_unknown`, `invalid`) a unit that UCUM does not know or cannot convert linearly, and a tag mapped twice. */
export function createNormaliser(map: TagMap): Normaliser {
  const tags = [...new Set(map.tags.map(({ tag }) => tag))].sort()
  const indexOf = new Map(tags.map((tag, index) => [tag, index]))
  const mappings = new Map<string, TagMapping>()
  const rules = new Map<string, Rule[]>()
  for (const mapping of map.tags) {
    const { address, tag, kind, unit, canonicalUnit, scale, offset } = mapping
    if (mappings.has(tag)) refuse('invalid', `the tag map feeds tag ${tag} twice; a tag has one address`)
    mappings.set(tag, mapping)
    const conversion = linearConversion(unit, canonicalUnit, `tag ${tag}`)
    const rule = {
      tag, kind, tagIndex: indexOf.get(tag) ?? 0,
      slope: scale * conversion.factor, shift: offset * conversion.factor + conversion.offset,
    }
    const there = rules.get(address)
    if (there?.some((other) => other.kind !== kind)) refuse('invalid', `the tag map reads address "${address}" both as scalar and as waveform; it is one of them`)
    if (there) there.push(rule)
    else rules.set(address, [rule])
  }
  const rulesOf = (kind: Rule['kind'], address: string): readonly Rule[] => {
    const found = rules.get(address)
    if (!found) refuse('invalid', `address "${address}" is not in the tag map; add it there, or do not read it`)
    if (found[0]?.kind !== kind) refuse('invalid', `address "${address}" is mapped as ${found[0]?.kind ?? 'nothing'} but delivers a ${kind}; correct its kind in the tag map`)
    return found
  }

  return {
    digest: tagMapDigest(map),
    tags,
    mapping: (tag) => mappings.get(tag),
    check: (kind, address) => { rulesOf(kind, address) },
    tagsOf: (address) => (rules.get(address) ?? []).map(({ tag }) => tag),

    readings(block) {
      const local = block.addresses.map((address) => rulesOf('scalar', address))
      const most = Math.max(0, ...local.map((found) => found.length))
      return Array.from({ length: most }, (_, layer) => convert(layer === 0 ? block : only(block, local, layer), local.map((found) => found[layer] ?? found[0] as Rule)))
    },

    waveforms({ rows }, gatewayUs) {
      return rows.flatMap(({ address, startUs, intervalUs, quality, samples }) => rulesOf('waveform', address).map(({ tag, slope, shift }) => {
        const consistent = (quality & QUALITY_LEVEL_MASK) >= BAD || samples.every(Number.isFinite)
        return { tag, startUs, intervalUs, gatewayUs, scale: slope, offset: shift, quality: consistent ? quality : (quality & ~QUALITY_LEVEL_MASK) | NOT_FINITE, samples }
      }))
    },
  }
}

/** The rows of a block whose address feeds more tags than `layer`. */
function only(block: ReadingsBlock, local: readonly (readonly Rule[])[], layer: number): ReadingsBlock {
  const rows = Array.from(block.address.keys()).filter((i) => (local[block.address[i] as number]?.length ?? 0) > layer)
  return {
    ...block, address: Uint16Array.from(rows, (i) => block.address[i] as number), sourceUs: Float64Array.from(rows, (i) => block.sourceUs[i] as number),
    raw: Float64Array.from(rows, (i) => block.raw[i] as number), quality: Uint16Array.from(rows, (i) => block.quality[i] as number),
  }
}

function convert({ address, sourceUs, raw, quality }: ReadingsBlock, local: readonly Rule[]): NormalReadings {
  const n = raw.length
  const tagOf = Uint16Array.from(local, ({ tagIndex }) => tagIndex)
  const slopes = Float64Array.from(local, ({ slope }) => slope)
  const shifts = Float64Array.from(local, ({ shift }) => shift)
  const tag = new Uint16Array(n)
  const value = new Float64Array(n)
  const checked = new Uint16Array(n)
  for (let i = 0; i < n; i++) {
    const a = address[i] as number
    const x = raw[i] as number
    tag[i] = tagOf[a] as number
    checked[i] = quality[i] as number
    const shift = shifts[a] as number
    // Adding a shift of 0 would turn −0 into 0, and the value would no longer be the device's own.
    const converted = shift === 0 ? x * (slopes[a] as number) : x * (slopes[a] as number) + shift
    if (Number.isFinite(converted)) {
      value[i] = converted
    } else {
      value[i] = NaN
      // A source that has said why (an empty cell, a dead link) is believed; a good NaN is a contradiction.
      if (((quality[i] as number) & QUALITY_LEVEL_MASK) < BAD) checked[i] = ((quality[i] as number) & ~QUALITY_LEVEL_MASK) | NOT_FINITE
    }
  }
  return { tag, sourceUs, raw, value, quality: checked }
}
