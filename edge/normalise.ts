import { refuse } from '../registry/domain/errors.ts'
import { linearConversion } from '../registry/domain/contract/unit.ts'
import { BAD, qualityReasons, QUALITY_LEVEL_MASK } from '../registry/domain/contract/quality.ts'
import type { WaveformRow } from '../registry/domain/contract/reading.ts'
import type { ReadingsBlock, WaveformsBlock } from './raw-entry.ts'
import { tagMapDigest, type TagMap } from './tag-map.ts'

/** Readings as the contract wants them, still in the order of arrival; `tag[i]` indexes the normaliser's `tags`. */
export interface NormalReadings {
  readonly tag: Uint16Array
  readonly value: Float64Array
  readonly quality: Uint16Array
}

/** Turns what devices gave into canonical values by one tag map: value = raw · slope + shift, tag by tag. */
export interface Normaliser {
  readonly digest: string
  /** Tag keys, ascending: an index compares as its key does. */
  readonly tags: readonly string[]
  /** Refuses (`invalid`) an address that the map does not name, or that is mapped to another kind. */
  check(kind: 'scalar' | 'waveform', address: string): void
  readings(block: ReadingsBlock): NormalReadings
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

/** Refuses (`unit_unknown`, `invalid`) a unit that UCUM does not know or cannot convert linearly, and an address mapped twice. */
export function createNormaliser(map: TagMap): Normaliser {
  const tags = [...new Set(map.tags.map(({ tag }) => tag))].sort()
  const indexOf = new Map(tags.map((tag, index) => [tag, index]))
  const rules = new Map<string, Rule>()
  for (const { address, tag, kind, unit, canonicalUnit, scale, offset } of map.tags) {
    if (rules.has(address)) refuse('invalid', `the tag map names address "${address}" twice; map it once`)
    const conversion = linearConversion(unit, canonicalUnit, `tag ${tag}`)
    rules.set(address, {
      tag, kind, tagIndex: indexOf.get(tag) ?? 0,
      slope: scale * conversion.factor, shift: offset * conversion.factor + conversion.offset,
    })
  }
  const ruleOf = (kind: Rule['kind'], address: string): Rule => {
    const rule = rules.get(address)
    if (!rule) refuse('invalid', `address "${address}" is not in the tag map; add it there, or do not read it`)
    if (rule.kind !== kind) refuse('invalid', `address "${address}" is mapped as ${rule.kind} but delivers a ${kind}; correct its kind in the tag map`)
    return rule
  }

  return {
    digest: tagMapDigest(map),
    tags,
    check: (kind, address) => { ruleOf(kind, address) },

    readings({ addresses, address, raw, quality }) {
      const n = raw.length
      const local = addresses.map((name) => ruleOf('scalar', name))
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
      return { tag, value, quality: checked }
    },

    waveforms({ rows }, gatewayUs) {
      return rows.map(({ address, startUs, intervalUs, quality, samples }) => {
        const { tag, slope, shift } = ruleOf('waveform', address)
        const consistent = (quality & QUALITY_LEVEL_MASK) >= BAD || samples.every(Number.isFinite)
        return { tag, startUs, intervalUs, gatewayUs, scale: slope, offset: shift, quality: consistent ? quality : (quality & ~QUALITY_LEVEL_MASK) | NOT_FINITE, samples }
      })
    },
  }
}
