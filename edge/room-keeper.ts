import type { DurableBuffer, NewRawEntry, RawEntry } from './buffer/buffer.ts'
import type { GapBook, NewGap } from './gap-book.ts'
import { gapOfDamaged, gapsOfBlock } from './losses.ts'
import { blockCount, encodeRawBlock } from './raw-entry.ts'
import { createRawReader, type ReadEntry } from './raw-reader.ts'
import { thinBlock } from './thin.ts'

/** What gives way when the buffer is full: the newest, the oldest, or what matters least. */
export type FullPolicy = 'reject-newest' | 'drop-oldest' | 'thin'

export interface RoomKeeper {
  /** Makes room for so many bytes by the policy; false when there is none to be made: the newest is refused. */
  make(bytes: number): Promise<boolean>
  /** Drops what has waited longer than it may. */
  expire(beforeGatewayUs: number): Promise<void>
}

export interface RoomKeeperOptions {
  readonly buffer: DurableBuffer
  readonly policy: FullPolicy
  readonly gaps: GapBook
  /** Entries the cutter has in hand stay. */
  readonly inHand: (id: number) => boolean
}

/** Room is made for more than is asked, so that it need not be made again for every entry. */
const AT_ONCE = 4 * 1024 * 1024

export function createRoomKeeper({ buffer, policy, gaps, inHand }: RoomKeeperOptions): RoomKeeper {
  const reader = createRawReader(buffer)
  let making: Promise<boolean> = Promise.resolve(true)

  const gapsOf = ({ block, normaliser }: ReadEntry, detail: string) => gapsOfBlock(block, 'buffer_full', block.source, (address) => normaliser.tagsOf(address), detail)

  async function drop(entries: readonly RawEntry[], detail: string): Promise<void> {
    const lost = entries.flatMap((entry): NewGap[] => {
      const read = reader.read(entry)
      return read ? gapsOf(read, detail) : [gapOfDamaged(entry)]
    })
    const rows = entries.reduce((sum, { count }) => sum + count, 0)
    await buffer.drop(entries.map(({ id }) => id), { rows, records: gaps.note(merged(lost)) })
  }

  /** Replaces old entries by what is worth keeping of them; false when all have been thinned already. */
  async function thin(): Promise<boolean> {
    let afterId = 0
    for (;;) {
      const entries = buffer.readRaw(afterId, AT_ONCE).filter(({ id }) => !inHand(id))
      const last = entries.at(-1)
      if (!last) return false
      afterId = last.id
      const fresh = entries.filter(({ thinned }) => !thinned)
      if (fresh.length === 0) continue
      const kept: (NewRawEntry & { id: number })[] = []
      const damaged: RawEntry[] = []
      const lost: NewGap[] = []
      let rows = 0
      for (const entry of fresh) {
        const read = reader.read(entry)
        if (!read) {
          damaged.push(entry)
          continue
        }
        const { rest, gone } = thinBlock(read.block)
        rows += blockCount(gone)
        lost.push(...gapsOf({ ...read, block: gone }, 'the buffer was full; of each minute the first, lowest, highest, last and every doubtful reading was kept'))
        const { mode, gatewayUs, fromUs, toUs } = entry
        kept.push({ id: entry.id, bytes: encodeRawBlock(rest), count: blockCount(rest), mode, gatewayUs, fromUs, toUs })
      }
      if (damaged.length > 0) await drop(damaged, '')
      if (kept.length > 0) await buffer.thin(kept, { rows, records: gaps.note(merged(lost)) })
      return true
    }
  }

  async function make(bytes: number): Promise<boolean> {
    if (bytes > buffer.stats().capBytes) return false
    if (policy === 'thin') while (bytes > buffer.room() && (await thin())) { /* Until there is room, or nothing left to thin. */ }
    while (bytes > buffer.room() && policy !== 'reject-newest') {
      const oldest = buffer.readRaw(0, Math.max(AT_ONCE, bytes)).filter(({ id }) => !inHand(id))
      if (oldest.length === 0) return false
      let freed = 0
      const needed = Math.max(bytes, Math.min(AT_ONCE / 4, buffer.stats().capBytes / 50))
      const enough = oldest.findIndex((entry) => (freed += entry.bytes?.byteLength ?? 0) >= needed) + 1
      await drop(enough > 0 ? oldest.slice(0, enough) : oldest, 'the buffer was full; the oldest readings were dropped')
    }
    return bytes <= buffer.room()
  }

  return {
    make(bytes) {
      // One at a time: two sources that find the buffer full must not make room twice.
      making = making.catch(() => false).then(() => make(bytes))
      return making
    },
    async expire(beforeGatewayUs) {
      for (;;) {
        const old = buffer.readRaw(0, AT_ONCE).filter(({ id, gatewayUs }) => gatewayUs < beforeGatewayUs && !inHand(id))
        if (old.length === 0) return
        await drop(old, 'waited longer in the buffer than its age limit')
      }
    },
  }
}

/** One gap a tag instead of one for each entry. */
function merged(gaps: readonly NewGap[]): NewGap[] {
  const out = new Map<string, NewGap>()
  for (const gap of gaps) {
    const key = `${gap.cause}|${gap.tag ?? ''}|${gap.source ?? ''}|${gap.detail ?? ''}`
    const before = out.get(key)
    out.set(key, before ? { ...before, fromUs: Math.min(before.fromUs, gap.fromUs), toUs: Math.max(before.toUs, gap.toUs), lost: (before.lost ?? 0) + (gap.lost ?? 0) } : gap)
  }
  return [...out.values()]
}
