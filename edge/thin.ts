import { QUALITY_LEVEL_MASK } from '../registry/domain/contract/quality.ts'
import type { RawBlock, ReadingsBlock } from './raw-entry.ts'

const MINUTE_US = 60_000_000

/**
 * What is worth keeping of a block when room is short: of every address and minute the first, the lowest, the highest
 * and the last reading (M4: Jugel et al., VLDB 2014), and every one that is not good; of waveforms the first of each
 * address and those that are not good. What is kept is as the device gave it.
 */
export function thinBlock<B extends RawBlock>(block: B): { rest: RawBlock; gone: RawBlock } {
  if (block.kind === 'waveforms') {
    const seen = new Set<string>()
    const keep = block.rows.map(({ address, quality }) => {
      const first = !seen.has(address)
      seen.add(address)
      return first || (quality & QUALITY_LEVEL_MASK) !== 0
    })
    return { rest: { ...block, rows: block.rows.filter((_, i) => keep[i]) }, gone: { ...block, rows: block.rows.filter((_, i) => !keep[i]) } }
  }
  const n = block.raw.length
  const extremes = new Map<string, { first: number; low: number; high: number; last: number }>()
  const keep = new Uint8Array(n)
  for (let i = 0; i < n; i++) {
    if (((block.quality[i] as number) & QUALITY_LEVEL_MASK) !== 0) {
      keep[i] = 1
      continue
    }
    const key = `${block.address[i] as number} ${Math.floor((block.sourceUs[i] as number) / MINUTE_US)}`
    const found = extremes.get(key)
    if (!found) {
      extremes.set(key, { first: i, low: i, high: i, last: i })
      continue
    }
    found.last = i
    if ((block.raw[i] as number) < (block.raw[found.low] as number)) found.low = i
    if ((block.raw[i] as number) > (block.raw[found.high] as number)) found.high = i
  }
  for (const { first, low, high, last } of extremes.values()) for (const i of [first, low, high, last]) keep[i] = 1
  const rows = Array.from({ length: n }, (_, i) => i)
  return { rest: { ...block, ...gather(block, rows.filter((i) => keep[i] === 1)) }, gone: { ...block, ...gather(block, rows.filter((i) => keep[i] === 0)) } }
}

function gather({ address, sourceUs, raw, quality }: ReadingsBlock, rows: readonly number[]): Pick<ReadingsBlock, 'address' | 'sourceUs' | 'raw' | 'quality'> {
  return {
    address: Uint16Array.from(rows, (i) => address[i] as number), sourceUs: Float64Array.from(rows, (i) => sourceUs[i] as number),
    raw: Float64Array.from(rows, (i) => raw[i] as number), quality: Uint16Array.from(rows, (i) => quality[i] as number),
  }
}
