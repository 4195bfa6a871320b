import type { GapCause } from '../registry/domain/contract/gateway-report.ts'
import type { RawEntry } from './buffer/buffer.ts'
import type { NewGap } from './gap-book.ts'
import type { Block } from './raw-entry.ts'

/** What losing these rows of a block means for the ledger: one gap a tag, with count and span. */
export function gapsOfBlock(block: Block, cause: GapCause, source: string, tagsOf: (address: string) => readonly string[], detail: string): NewGap[] {
  const spans = new Map<string, { fromUs: number; toUs: number; lost: number }>()
  const add = (address: string, fromUs: number, toUs: number) => {
    for (const tag of tagsOf(address)) {
      const span = spans.get(tag) ?? { fromUs, toUs, lost: 0 }
      spans.set(tag, { fromUs: Math.min(span.fromUs, fromUs), toUs: Math.max(span.toUs, toUs), lost: span.lost + 1 })
    }
  }
  if (block.kind === 'readings') {
    for (let i = 0; i < block.address.length; i++) {
      const us = block.sourceUs[i] as number
      add(block.addresses[block.address[i] as number] ?? '', us, us)
    }
  } else for (const { address, startUs, intervalUs, samples } of block.rows) add(address, startUs, startUs + intervalUs * samples.length)
  return [...spans].map(([tag, span]) => ({ cause, tag, source, detail, ...span }))
}

/** An entry that only a newer gateway could have read gave way. */
export function gapOfNewer({ count, fromUs, toUs }: RawEntry): NewGap {
  return { cause: 'buffer_full', fromUs, toUs, lost: count, detail: 'readings that a newer gateway had taken gave way; this one cannot read whose they were' }
}

/** An entry that cannot be read: nobody knows whose readings they were. */
export function gapOfDamaged({ count, fromUs, toUs }: RawEntry): NewGap {
  return { cause: 'damaged', fromUs, toUs, lost: count, detail: 'an entry of the buffer could not be read back from the disk; check the disk' }
}
