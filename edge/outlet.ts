import type { Mode } from '../registry/domain/contract/batch.ts'
import { refuse } from '../registry/domain/errors.ts'
import type { DurableBuffer, NewRawEntry } from './buffer/buffer.ts'
import type { CutLimits } from './cut-limits.ts'
import { persistOnce, type Persist } from './disk-watch.ts'
import type { GapBook } from './gap-book.ts'
import { gapsOfBlock } from './losses.ts'
import { createNormaliser } from './normalise.ts'
import { blockCount, encodeRawBlock, type Block, type RawBlock } from './raw-entry.ts'
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
  /** Hears of everything that is on disk: as it came, and as it was kept. */
  readonly onDelivered?: (blocks: readonly Block[], mode: Mode, kept: readonly RawBlock[]) => void
  /** How writes wait for a disk that takes none; unless told they do not. */
  readonly persist?: Persist
}

type DeliveryHead = Omit<Delivery, 'blocks'>

/**
 * A source's way into the buffer: checks what it hands over, packs it, and has it on disk before it returns. When the
 * buffer is full, files and simulations wait, and live sources go by the buffer's policy; while the disk takes no
 * writes everybody waits, and a live source's connector bounds what it holds meanwhile.
 */
export function createOutlet({ buffer, source, limits, nowUs, signal, room, gaps, onDelivered, persist = persistOnce }: OutletOptions): Outlet {
  const mapDigest = tagMapDigest(source.map)
  const normaliser = createNormaliser(source.map)
  /** A claim that came without a reading goes with the next ones: only a batch can carry it. */
  let owedUs: number | null = null

  function headed({ completeBeforeUs, completeThroughUs, mode = source.mode }: DeliveryHead, full: readonly Block[]): RawBlock[] {
    if (completeThroughUs !== undefined && mode === source.mode) owedUs = completeThroughUs
    const regular = mode === source.mode
    const through = regular ? owedUs : completeThroughUs ?? null
    const gatewayUs = nowUs()
    const blocks = full.map((block, index): RawBlock => {
      const last = index === full.length - 1
      return { ...block, source: source.id, mode, mapDigest, gatewayUs, completeThroughUs: (last ? through : null) ?? completeBeforeUs ?? null }
    })
    if (full.length > 0 && regular) owedUs = null
    return blocks
  }

  const packed = (block: RawBlock): NewRawEntry => ({ bytes: encodeRawBlock(block), count: blockCount(block), mode: block.mode, gatewayUs: block.gatewayUs, ...spanOf(block) })

  /** Refuses addresses that the map does not name. */
  function checked(block: Block): Block {
    if (block.kind === 'readings') return normaliser.byMap(block)
    for (const { address } of block.rows) normaliser.check('waveform', address)
    return block
  }

  /** Does it however long the disk takes; undefined when the source was stopped before. */
  async function onDisk<T>(write: () => Promise<T>): Promise<T | undefined> {
    try {
      return await persist(write, signal)
    } catch (error) {
      if (signal.aborted) return undefined
      throw error
    }
  }

  return {
    position: (key) => buffer.position(key),
    positionKeys: (prefix) => buffer.positionKeys(prefix),
    forget: async (keys) => { await onDisk(() => buffer.forgetPositions(keys)) },
    async deliver(delivery) {
      const full = delivery.blocks.filter((block) => blockCount(block) > 0)
      for (const block of full) checkSize(source.id, block, limits)
      const kept = headed(delivery, full.map(checked))
      const entries = kept.map(packed)
      const size = entries.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
      if (room && size > buffer.room() && (await onDisk(() => room.make(size))) !== true) {
        if (signal.aborted) return false
        // Not taken, and not marked as read either: a source that can give it again may do so.
        if (delivery.offered) return false
        const lost = full.flatMap((block) => gapsOfBlock(block, 'buffer_full', source.id, (address) => normaliser.tagsOf(address), 'the buffer was full; the newest readings were not taken'))
        await onDisk(() => buffer.drop([], { rows: entries.reduce((sum, { count }) => sum + count, 0), records: gaps?.note(lost) ?? [] }))
        return false
      }
      if (!room) await buffer.waitForRoom(size, signal)
      if (signal.aborted) return false
      const taken = await onDisk(async () => {
        await buffer.append(entries, { position: delivery.position, beside: delivery.beside })
        return true
      })
      if (taken !== true) return false
      onDelivered?.(full, delivery.mode ?? source.mode, kept)
      return true
    },
    // Who keeps the source running hears it.
    connected() {},
    async lost({ addresses, fromUs, toUs, rows, cause, detail }) {
      if (!gaps) return
      const tags = addresses.flatMap((address) => normaliser.tagsOf(address))
      // Whose they were is not known one by one; together they are as many as were lost.
      const share = (i: number) => (rows === null ? null : Math.floor(rows / tags.length) + Number(i < rows % tags.length))
      await onDisk(() => buffer.write(gaps.note(tags.map((tag, i) => ({ cause, tag, source: source.id, fromUs, toUs, lost: share(i), detail })))))
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
