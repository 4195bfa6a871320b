import type { ReadingsBlock } from '../../raw-entry.ts'
import { packReadings, type RawReading } from '../blocks.ts'

const ROWS = 10_000

/** Readings in blocks that any batch can hold, to be delivered together. */
export function inBlocks(readings: readonly RawReading[]): ReadingsBlock[] {
  const blocks: ReadingsBlock[] = []
  for (let at = 0; at < readings.length; at += ROWS) blocks.push(packReadings(readings.slice(at, at + ROWS)))
  return blocks
}
