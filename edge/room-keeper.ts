import type { DurableBuffer, NewRawEntry, RawEntry, RoomMade } from './buffer/buffer.ts'
import type { GapBook, NewGap } from './gap-book.ts'
import { gapOfDamaged, gapOfNewer, gapsOfBlock } from './losses.ts'
import { blockCount, encodeRawBlock } from './raw-entry.ts'
import type { RawReader, ReadEntry, Unreadable } from './raw-reader.ts'
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
  readonly reader: RawReader
  readonly policy: FullPolicy
  readonly gaps: GapBook
  /** Entries the cutter has in hand stay. */
  readonly inHand: (id: number) => boolean
}

/** Room is made for more than is asked, so that it need not be made again for every entry. */
const AT_ONCE = 4 * 1024 * 1024

export function createRoomKeeper({ buffer, reader, policy, gaps, inHand }: RoomKeeperOptions): RoomKeeper {
  let making: Promise<boolean> = Promise.resolve(true)
  /** Up to here nothing is left to thin. */
  let thinnedThroughId = 0

  const gapsOf = ({ block, normaliser }: ReadEntry, detail: string) => gapsOfBlock(block, 'buffer_full', block.source, (address) => normaliser.tagsOf(address), detail)

  /** About so many bytes of the oldest waiting entries that nobody has in hand; to be asked within the transaction that takes them. */
  function free(maxBytes: number, { afterId = 0, throughId = Infinity } = {}): RawEntry[] {
    const out: RawEntry[] = []
    let size = 0
    for (let after = afterId; size < maxBytes;) {
      const entries = buffer.readRaw(after, AT_ONCE, throughId)
      const last = entries.at(-1)
      if (!last) break
      after = last.id
      for (const entry of entries) {
        if (inHand(entry.id)) continue
        out.push(entry)
        size += entry.bytes?.byteLength ?? 0
        if (size >= maxBytes) break
      }
    }
    return out
  }

  /** What dropping these means. */
  function dropping(entries: readonly RawEntry[], detail: string): RoomMade {
    const lost = entries.flatMap((entry): NewGap[] => {
      const read = reader.read(entry)
      return typeof read === 'string' ? [gapOf(entry, read)] : gapsOf(read, detail)
    })
    return { dropped: entries.map(({ id }) => id), thinned: [], rows: entries.reduce((sum, { count }) => sum + count, 0), records: gaps.note(merged(lost)) }
  }

  /** What thinning these means; damaged ones are dropped. */
  function thinning(entries: readonly RawEntry[]): RoomMade {
    const kept: (NewRawEntry & { id: number })[] = []
    const damaged: RawEntry[] = []
    const lost: NewGap[] = []
    let rows = 0
    for (const entry of entries) {
      const read = reader.read(entry)
      if (read === 'damaged') {
        damaged.push(entry)
        lost.push(gapOfDamaged(entry))
        rows += entry.count
      }
      if (typeof read === 'string') continue
      const { rest, gone } = thinBlock(read.block)
      rows += blockCount(gone)
      lost.push(...gapsOf({ ...read, block: gone }, 'the buffer was full; of each minute the first, lowest, highest, last and every doubtful reading was kept'))
      const { mode, gatewayUs, fromUs, toUs } = entry
      kept.push({ id: entry.id, bytes: encodeRawBlock(rest), count: blockCount(rest), mode, gatewayUs, fromUs, toUs })
    }
    return { dropped: damaged.map(({ id }) => id), thinned: kept, rows, records: gaps.note(merged(lost)) }
  }

  /** Does with what is chosen, within one transaction, what `made` says; false when nothing was there to choose. */
  async function give(choose: () => readonly RawEntry[], made: (entries: readonly RawEntry[]) => RoomMade): Promise<boolean> {
    let chosen = 0
    await buffer.makeRoom(() => {
      const entries = choose()
      chosen = entries.length
      return made(entries)
    })
    return chosen > 0
  }

  /** The oldest that have not been thinned yet, and can be. */
  function unthinned(): RawEntry[] {
    for (;;) {
      const entries = free(AT_ONCE, { afterId: thinnedThroughId })
      const last = entries.at(-1)
      if (!last) return []
      const fresh = entries.filter((entry) => !entry.thinned && reader.read(entry) !== 'newer')
      if (fresh.length > 0) return fresh
      thinnedThroughId = last.id
    }
  }

  /** Of the oldest as many as make room for so many bytes, and a little more. */
  const oldest = (bytes: number) => free(Math.max(bytes, Math.min(AT_ONCE / 4, buffer.stats().capBytes / 50)))

  async function make(bytes: number): Promise<boolean> {
    if (bytes > buffer.stats().capBytes) return false
    if (policy === 'thin') while (bytes > buffer.room() && (await give(unthinned, thinning))) { /* Until there is room, or nothing left to thin. */ }
    while (bytes > buffer.room() && policy !== 'reject-newest') {
      if (!(await give(() => oldest(bytes), (entries) => dropping(entries, 'the buffer was full; the oldest readings were dropped')))) return false
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
      const old = () => free(AT_ONCE, { throughId: buffer.lastIdBefore(beforeGatewayUs) }).filter(({ gatewayUs }) => gatewayUs < beforeGatewayUs)
      while (old().length > 0 && (await give(old, (entries) => dropping(entries, 'waited longer in the buffer than its age limit')))) { /* Some at a time. */ }
    },
  }
}

const gapOf = (entry: RawEntry, why: Unreadable): NewGap => (why === 'newer' ? gapOfNewer(entry) : gapOfDamaged(entry))

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
