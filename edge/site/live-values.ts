import { BAD, QUALITY_LEVEL_MASK } from '../../registry/domain/contract/quality.ts'
import { scaleOf } from '../normalise.ts'
import type { Block } from '../raw-entry.ts'
import type { TagMap } from '../tag-map.ts'

/** What a tag says now, in its canonical unit, and said in the last minutes. */
export interface LiveValue {
  readonly tag: string
  readonly unit: string
  readonly source: string
  /** Null: bad, or none yet. */
  readonly value: number | null
  readonly sourceUs: number | null
  readonly quality: number
  /** One each {@link EVERY_MS}, oldest first; null: none that is worth anything. */
  readonly trend: readonly (number | null)[]
}

/** The newest value of every scalar tag, for who looks at the box itself. Costs a write a reading, and a few kilobytes a tag. */
export interface LiveValues {
  follow(source: string, map: TagMap): void
  forget(source: string): void
  see(source: string, blocks: readonly Block[]): void
  /** To be called every {@link EVERY_MS}. */
  tick(): void
  list(): LiveValue[]
}

export const EVERY_MS = 5_000
/** Ten minutes. */
const POINTS = 120

interface Cell { readonly tags: readonly { readonly tag: string; readonly unit: string; readonly slope: number; readonly shift: number }[]; raw: number; quality: number; sourceUs: number | null; fresh: boolean; readonly trend: Float64Array; count: number }

export function createLiveValues(): LiveValues {
  const sources = new Map<string, Map<string, Cell>>()
  const good = ({ quality, raw, sourceUs }: Cell) => sourceUs !== null && (quality & QUALITY_LEVEL_MASK) < BAD && Number.isFinite(raw)

  return {
    follow(source, map) {
      const cells = new Map<string, Cell>()
      for (const mapping of map.tags) {
        if (mapping.kind !== 'scalar') continue
        const before = cells.get(mapping.address) ?? { tags: [], raw: NaN, quality: 0, sourceUs: null, fresh: false, trend: new Float64Array(POINTS).fill(NaN), count: 0 }
        cells.set(mapping.address, { ...before, tags: [...before.tags, { tag: mapping.tag, unit: mapping.canonicalUnit, ...scaleOf(mapping) }] })
      }
      sources.set(source, cells)
    },
    forget(source) { sources.delete(source) },
    see(source, blocks) {
      const cells = sources.get(source)
      if (!cells) return
      for (const block of blocks) {
        if (block.kind !== 'readings') continue
        const at = block.addresses.map((address) => cells.get(address))
        for (let i = 0; i < block.address.length; i++) {
          const cell = at[block.address[i] as number]
          const us = block.sourceUs[i] as number
          if (cell === undefined || (cell.sourceUs !== null && us < cell.sourceUs)) continue
          cell.raw = block.raw[i] as number
          cell.quality = block.quality[i] as number
          cell.sourceUs = us
          cell.fresh = true
        }
      }
    },
    tick() {
      for (const cells of sources.values()) {
        for (const cell of cells.values()) {
          cell.trend[cell.count++ % POINTS] = cell.fresh && good(cell) ? cell.raw : NaN
          cell.fresh = false
        }
      }
    },
    list: () => [...sources].flatMap(([source, cells]) => [...cells.values()].flatMap((cell) => cell.tags.map(({ tag, unit, slope, shift }): LiveValue => {
      const canonical = (raw: number) => (Number.isFinite(raw) ? raw * slope + shift : null)
      const from = Math.max(0, cell.count - POINTS)
      return {
        tag, unit, source, value: good(cell) ? canonical(cell.raw) : null, sourceUs: cell.sourceUs, quality: cell.quality,
        trend: Array.from({ length: cell.count - from }, (_, i) => canonical(cell.trend[(from + i) % POINTS] as number)),
      }
    }))).sort((a, b) => (a.tag < b.tag ? -1 : 1)),
  }
}
