import type { DurableBuffer, NewRawEntry } from '../../edge/buffer/buffer.ts'
import { openLmdbBuffer } from '../../edge/buffer/lmdb-buffer.ts'
import { blockCount, encodeRawBlock } from '../../edge/raw-entry.ts'
import { blockOf } from './edge-load.ts'
import { median } from './workflow-cost.ts'

/** Readings a second that the buffer takes in blocks of 10,000, each on disk before the next. */
export async function bareWritesPerSec(directory: string, readings: number): Promise<number> {
  const buffer = await openLmdbBuffer({ directory })
  const entry = entryOf(100)
  const startedMs = performance.now()
  for (let written = 0; written < readings; written += entry.count) await buffer.append([entry])
  const seconds = (performance.now() - startedMs) / 1000
  await buffer.close()
  return Math.round(readings / seconds)
}

const PAIRS = 15
const WRITES = 40
const ENTRIES_A_WRITE = 25

/**
 * What a durable write of small entries takes in a buffer in which millions of readings wait, over what it takes in an
 * empty one: the two in turn, since a disk is seldom as fast twice. What was written is taken out of the empty one again.
 */
export async function depthRatio(deepDirectory: string, shallowDirectory: string): Promise<number> {
  const deep = await openLmdbBuffer({ directory: deepDirectory })
  const shallow = await openLmdbBuffer({ directory: shallowDirectory })
  try {
    const ratios: number[] = []
    for (let pair = 0; pair < PAIRS; pair++) {
      const below = await writesMs(shallow)
      ratios.push(await writesMs(deep) / below)
      await shallow.drop(shallow.readRaw(0, Infinity).map(({ id }) => id), { rows: 0, records: [] })
    }
    return Math.round(median(ratios) * 100) / 100
  } finally {
    await deep.close()
    await shallow.close()
  }
}

async function writesMs(buffer: DurableBuffer): Promise<number> {
  const entries = Array.from({ length: ENTRIES_A_WRITE }, () => entryOf(1))
  const startedMs = performance.now()
  for (let i = 0; i < WRITES; i++) await buffer.append(entries)
  return performance.now() - startedMs
}

function entryOf(rounds: number): NewRawEntry {
  const block = blockOf(0, rounds)
  const bytes = encodeRawBlock({ ...block, source: 'bench', mode: 'live', mapDigest: '', gatewayUs: 0, completeThroughUs: null })
  const fromUs = block.sourceUs[0] ?? 0
  return { bytes, count: blockCount(block), mode: 'live', gatewayUs: 0, fromUs, toUs: fromUs }
}
