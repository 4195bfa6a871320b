import { refuse } from '../registry/domain/errors.ts'
import type { DurableBuffer } from './buffer/buffer.ts'
import type { CutLimits } from './cutter.ts'
import { blockCount, encodeRawBlock, type Block } from './raw-entry.ts'
import type { Outlet, Source } from './source.ts'
import { tagMapDigest } from './tag-map.ts'

export interface OutletOptions {
  readonly buffer: DurableBuffer
  readonly source: Source
  readonly limits: CutLimits
  readonly nowUs: () => number
  readonly signal: AbortSignal
}

/** A source's way into the buffer: checks what it hands over, packs it, and makes it wait while the buffer is full. */
export function createOutlet({ buffer, source, limits, nowUs, signal }: OutletOptions): Outlet {
  const mapDigest = tagMapDigest(source.map)
  const kinds = new Map(source.map.tags.map(({ address, kind }) => [address, kind]))
  const check = (kind: 'scalar' | 'waveform', address: string) => {
    if (kinds.get(address) !== kind) refuse('invalid', `source ${source.id} delivers a ${kind} at "${address}", which its tag map does not name as one`)
  }
  /** A claim that came without a reading goes with the next ones: only a batch can carry it. */
  let owedUs: number | null = null

  return {
    position: (key) => buffer.position(key),
    async deliver({ blocks, completeBeforeUs = null, completeThroughUs, position }) {
      const full = blocks.filter((block) => blockCount(block) > 0)
      if (completeThroughUs !== undefined) owedUs = completeThroughUs
      for (const block of full) {
        if (block.kind === 'readings') for (const address of block.addresses) check('scalar', address)
        else for (const { address } of block.rows) check('waveform', address)
        checkSize(source.id, block, limits)
      }
      const entries = full.map((block, index) => {
        const last = index === full.length - 1
        const bytes = encodeRawBlock({ ...block, source: source.id, mode: source.mode, mapDigest, gatewayUs: nowUs(), completeThroughUs: last ? (owedUs ?? completeBeforeUs) : completeBeforeUs })
        return { bytes, count: blockCount(block) }
      })
      if (full.length > 0) owedUs = null
      const size = entries.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
      await buffer.waitForRoom(size, signal)
      if (signal.aborted) return
      await buffer.append(entries, position)
    },
  }
}

function checkSize(source: string, block: Block, limits: CutLimits): void {
  const weight = block.kind === 'readings' ? block.sourceUs.length : block.rows.reduce((sum, { samples }) => sum + samples.length, 0)
  const limit = block.kind === 'readings' ? limits.rows : limits.samples
  if (weight > limit) refuse('too_large', `source ${source} delivered ${weight} ${block.kind === 'readings' ? 'readings' : 'samples'} in one block; a batch holds ${limit}`)
}
