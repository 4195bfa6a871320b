import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError, refuse } from '../registry/domain/errors.ts'
import type { DurableBuffer, NewRawEntry } from './buffer/buffer.ts'
import type { CutLimits } from './cutter.ts'
import type { GapBook } from './gap-book.ts'
import { gapsOfBlock } from './losses.ts'
import { createNormaliser } from './normalise.ts'
import { blockCount, encodeRawBlock, type Block } from './raw-entry.ts'
import type { RoomKeeper } from './room-keeper.ts'
import type { Delivery, Outlet, Source } from './source.ts'
import { tagMapDigest } from './tag-map.ts'

export interface OutletOptions {
  readonly buffer: DurableBuffer
  readonly source: Source
  readonly limits: CutLimits
  readonly nowUs: () => number
  readonly signal: AbortSignal
  /** For a live source: what to do when the buffer is full. Without it the source waits. */
  readonly room?: RoomKeeper
  readonly gaps?: GapBook
  /** Hears of everything that is on disk. */
  readonly onDelivered?: (blocks: readonly Block[]) => void
  /** Hears that the disk takes nothing, and (null) that it does again. */
  readonly onDisk?: (problem: string | null) => void
}

type DeliveryHead = Omit<Delivery, 'blocks'>

const DISK_RETRY_MS = 1_000

/**
 * A source's way into the buffer: checks what it hands over, packs it, and has it on disk before it returns. When the
 * buffer is full, files and simulations wait, and live sources go by the buffer's policy; while the disk takes no
 * writes everybody waits, and a live source's connector bounds what it holds meanwhile.
 */
export function createOutlet({ buffer, source, limits, nowUs, signal, room, gaps, onDelivered, onDisk }: OutletOptions): Outlet {
  const mapDigest = tagMapDigest(source.map)
  const normaliser = createNormaliser(source.map)
  /** A claim that came without a reading goes with the next ones: only a batch can carry it. */
  let owedUs: number | null = null

  function pack({ completeBeforeUs, completeThroughUs, mode = source.mode }: DeliveryHead, full: readonly Block[]): NewRawEntry[] {
    if (completeThroughUs !== undefined && mode === source.mode) owedUs = completeThroughUs
    const regular = mode === source.mode
    const through = regular ? owedUs : completeThroughUs ?? null
    const gatewayUs = nowUs()
    const entries = full.map((block, index): NewRawEntry => {
      const last = index === full.length - 1
      const bytes = encodeRawBlock({ ...block, source: source.id, mode, mapDigest, gatewayUs, completeThroughUs: (last ? through : null) ?? completeBeforeUs ?? null })
      return { bytes, count: blockCount(block), mode, gatewayUs, ...spanOf(block) }
    })
    if (full.length > 0 && regular) owedUs = null
    return entries
  }

  /** Puts it on disk, however long the disk takes; false when the source was stopped before. */
  async function append(entries: readonly NewRawEntry[], delivery: Delivery): Promise<boolean> {
    for (let ill = false; !signal.aborted;) {
      try {
        await buffer.append(entries, { position: delivery.position })
        if (ill) onDisk?.(null)
        return true
      } catch (error) {
        if (!(error instanceof DomainError) || error.code !== 'unavailable') throw error
        ill = true
        onDisk?.(error.message)
        await sleep(DISK_RETRY_MS, undefined, { signal }).catch(() => {})
      }
    }
    return false
  }

  return {
    position: (key) => buffer.position(key),
    async deliver(delivery) {
      const full = delivery.blocks.filter((block) => blockCount(block) > 0)
      for (const block of full) {
        if (block.kind === 'readings') for (const address of block.addresses) normaliser.check('scalar', address)
        else for (const { address } of block.rows) normaliser.check('waveform', address)
        checkSize(source.id, block, limits)
      }
      const entries = pack(delivery, full)
      const size = entries.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
      if (room && size > buffer.room() && !(await room.make(size))) {
        // Not taken, and not marked as read either: a source that can give it again may do so.
        if (delivery.offered) return false
        const lost = full.flatMap((block) => gapsOfBlock(block, 'buffer_full', source.id, (address) => normaliser.tagsOf(address), 'the buffer was full; the newest readings were not taken'))
        room.refused(entries.reduce((sum, { count }) => sum + count, 0))
        await buffer.write(gaps?.note(lost) ?? [])
        return false
      }
      if (!room) await buffer.waitForRoom(size, signal)
      if (signal.aborted || !(await append(entries, delivery))) return false
      onDelivered?.(full)
      return true
    },
    async lost({ addresses, fromUs, toUs, rows, cause, detail }) {
      if (!gaps) return
      const tags = addresses.flatMap((address) => normaliser.tagsOf(address))
      await buffer.write(gaps.note(tags.map((tag) => ({ cause, tag, source: source.id, fromUs, toUs, lost: rows === null ? null : Math.ceil(rows / Math.max(1, tags.length)), detail }))))
    },
  }
}

function spanOf(block: Block): { fromUs: number; toUs: number } {
  let fromUs = Infinity
  let toUs = -Infinity
  if (block.kind === 'readings') {
    for (const us of block.sourceUs) {
      if (us < fromUs) fromUs = us
      if (us > toUs) toUs = us
    }
  } else {
    for (const { startUs, intervalUs, samples } of block.rows) {
      fromUs = Math.min(fromUs, startUs)
      toUs = Math.max(toUs, startUs + intervalUs * samples.length)
    }
  }
  return { fromUs, toUs }
}

function checkSize(source: string, block: Block, limits: CutLimits): void {
  const weight = block.kind === 'readings' ? block.sourceUs.length : block.rows.reduce((sum, { samples }) => sum + samples.length, 0)
  const limit = block.kind === 'readings' ? limits.rows : limits.samples
  if (weight > limit) refuse('too_large', `source ${source} delivered ${weight} ${block.kind === 'readings' ? 'readings' : 'samples'} in one block; a batch holds ${limit}`)
}
