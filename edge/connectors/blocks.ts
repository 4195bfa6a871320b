import { BAD, qualityReasons } from '../../registry/domain/contract/quality.ts'
import type { ReadingsBlock } from '../raw-entry.ts'

/** One reading on its way into a block. */
export interface RawReading {
  readonly address: string
  /** UTC microseconds. */
  readonly sourceUs: number
  /** As the device gave it; NaN when it gave none. */
  readonly raw: number
  readonly quality: number
}

/** Readings packed as the outlet takes them, in the order given. */
export function packReadings(readings: readonly RawReading[]): ReadingsBlock {
  const addresses = [...new Set(readings.map(({ address }) => address))]
  const indexOf = new Map(addresses.map((address, index) => [address, index]))
  return {
    kind: 'readings',
    addresses,
    address: Uint16Array.from(readings, ({ address }) => indexOf.get(address) ?? 0),
    sourceUs: Float64Array.from(readings, ({ sourceUs }) => sourceUs),
    raw: Float64Array.from(readings, ({ raw }) => raw),
    quality: Uint16Array.from(readings, ({ quality }) => quality),
  }
}

const ROWS = 10_000

/** Readings in blocks that any batch can hold, to be delivered together. */
export function inBlocks(readings: readonly RawReading[]): ReadingsBlock[] {
  const blocks: ReadingsBlock[] = []
  for (let at = 0; at < readings.length; at += ROWS) blocks.push(packReadings(readings.slice(at, at + ROWS)))
  return blocks
}

/** What stands at the begin of a silence, once for each address: the connection said nothing more. */
export function lostReadings(addresses: readonly string[], sourceUs: number): RawReading[] {
  return addresses.map((address) => ({ address, sourceUs, raw: NaN, quality: BAD | qualityReasons.communication }))
}
