import { refuse } from '../registry/domain/errors.ts'
import { linearConversion } from '../registry/domain/contract/unit.ts'
import { BAD, qualityReasons, QUALITY_LEVEL_MASK } from '../registry/domain/contract/quality.ts'
import type { WaveformRow } from '../registry/domain/contract/reading.ts'
import type { ReadingsBlock, WaveformsBlock } from './raw-entry.ts'
import type { GrowingRows } from './reading-rows.ts'
import { tagMapDigest, type TagMap, type TagMapping } from './tag-map.ts'

/** Turns what devices gave into canonical values by one tag map: value = raw · slope + shift, tag by tag. */
export interface Normaliser {
  readonly digest: string
  /** The map's tags and addresses, each once. */
  readonly tags: readonly string[]
  readonly addresses: readonly string[]
  /** What the map says of a tag, beside its conversion. */
  mapping(tag: string): TagMapping | undefined
  /** Refuses (`invalid`) an address that the map does not name, or that is mapped to another kind. */
  check(kind: 'scalar' | 'waveform', address: string): void
  /** Tags that an address feeds; none when the map does not name it. */
  tagsOf(address: string): readonly string[]
  /** The same readings by `addresses`, as the buffer keeps them and `readings` takes them. Refuses as `check` does. */
  byMap(block: ReadingsBlock): ReadingsBlock
  /** Appends to `into` what a block by `addresses` feeds, one row a tag; tags are numbered from `firstTag` on, as in `tags`. */
  readings(block: ReadingsBlock, gatewayUs: number, into: GrowingRows, firstTag: number): void
  waveforms(block: WaveformsBlock, gatewayUs: number): WaveformRow[]
}

interface Rule {
  readonly tag: string
  readonly tagIndex: number
  readonly kind: 'scalar' | 'waveform'
  readonly slope: number
  readonly shift: number
}

/** How the readings of each address become those of a tag; tag −1: the address feeds no (further) one. */
interface Conversion {
  readonly tag: Int32Array
  readonly slope: Float64Array
  readonly shift: Float64Array
}

const NOT_FINITE = BAD | qualityReasons.notFinite

/** Refuses (`unit_unknown`, `invalid`) a unit that UCUM does not know or cannot convert linearly, and a tag mapped twice. */
export function createNormaliser(map: TagMap): Normaliser {
  const tags = [...new Set(map.tags.map(({ tag }) => tag))].sort()
  const indexOf = new Map(tags.map((tag, index) => [tag, index]))
  const mappings = new Map<string, TagMapping>()
  const rules = new Map<string, Rule[]>()
  for (const mapping of map.tags) {
    const { address, tag, kind } = mapping
    if (mappings.has(tag)) refuse('invalid', `the tag map feeds tag ${tag} twice; a tag has one address`)
    mappings.set(tag, mapping)
    const rule = { tag, kind, tagIndex: indexOf.get(tag) ?? 0, ...scaleOf(mapping) }
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

  const addresses = [...rules.keys()]
  const addressIndex = new Map(addresses.map((address, index) => [address, index]))
  // One conversion for the first tag of each address, another for the second, …
  const most = Math.max(...[...rules.values()].map((found) => found.length))
  const conversions = Array.from({ length: most }, (_, layer) => conversionOf(addresses.map((address) => (rules.get(address) ?? [])[layer])))

  return {
    digest: tagMapDigest(map),
    tags,
    addresses,
    mapping: (tag) => mappings.get(tag),
    check: (kind, address) => { rulesOf(kind, address) },
    tagsOf: (address) => (rules.get(address) ?? []).map(({ tag }) => tag),

    byMap(block) {
      const indexes = Uint16Array.from(block.addresses, (address) => {
        rulesOf('scalar', address)
        return addressIndex.get(address) ?? 0
      })
      return { ...block, addresses, address: block.address.map((at) => indexes[at] as number) }
    },

    readings(block, gatewayUs, into, firstTag) {
      for (const conversion of conversions) convert(block, conversion, gatewayUs, into, firstTag)
    },

    waveforms({ rows }, gatewayUs) {
      return rows.flatMap(({ address, startUs, intervalUs, quality, samples }) => rulesOf('waveform', address).map(({ tag, slope, shift }) => {
        const consistent = (quality & QUALITY_LEVEL_MASK) >= BAD || samples.every(Number.isFinite)
        return { tag, startUs, intervalUs, gatewayUs, scale: slope, offset: shift, quality: consistent ? quality : (quality & ~QUALITY_LEVEL_MASK) | NOT_FINITE, samples }
      }))
    },
  }
}

/** From what the device gave to the canonical value: value = raw · slope + shift. Refuses (`unit_unknown`, `invalid`). */
export function scaleOf({ tag, unit, canonicalUnit, scale, offset }: TagMapping): { slope: number; shift: number } {
  const conversion = linearConversion(unit, canonicalUnit, `tag ${tag}`)
  return { slope: scale * conversion.factor, shift: offset * conversion.factor + conversion.offset }
}

function conversionOf(rules: readonly (Rule | undefined)[]): Conversion {
  const scalar = rules.map((rule) => (rule?.kind === 'scalar' ? rule : undefined))
  return {
    tag: Int32Array.from(scalar, (rule) => rule?.tagIndex ?? -1),
    slope: Float64Array.from(scalar, (rule) => rule?.slope ?? 1),
    shift: Float64Array.from(scalar, (rule) => rule?.shift ?? 0),
  }
}

function convert({ address, sourceUs, raw, quality }: ReadingsBlock, by: Conversion, gatewayUs: number, into: GrowingRows, firstTag: number): void {
  const n = raw.length
  let fed = 0
  for (let i = 0; i < n; i++) if ((by.tag[address[i] as number] as number) >= 0) fed++
  const rows = into.extend(fed)
  let at = rows.length - fed
  rows.gatewayUs.fill(gatewayUs, at, rows.length)
  for (let i = 0; i < n; i++) {
    const a = address[i] as number
    const tag = by.tag[a] as number
    if (!(tag >= 0)) continue
    const x = raw[i] as number
    const given = quality[i] as number
    const shift = by.shift[a] as number
    // Adding a shift of 0 would turn −0 into 0, and the value would no longer be the device's own.
    const converted = shift === 0 ? x * (by.slope[a] as number) : x * (by.slope[a] as number) + shift
    const finite = Number.isFinite(converted)
    rows.tag[at] = firstTag + tag
    rows.sourceUs[at] = sourceUs[i] as number
    rows.raw[at] = x
    rows.value[at] = finite ? converted : NaN
    // A source that has said why (an empty cell, a dead link) is believed; a good NaN is a contradiction.
    rows.quality[at] = finite || (given & QUALITY_LEVEL_MASK) >= BAD ? given : (given & ~QUALITY_LEVEL_MASK) | NOT_FINITE
    at++
  }
}
