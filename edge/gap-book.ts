import { randomBytes } from 'node:crypto'
import { gapSchema, type Gap, type GapCause } from '../registry/domain/contract/gateway-report.ts'
import type { DurableBuffer, RecordWrite } from './buffer/buffer.ts'

/** A loss or silence that is over when it is noted. */
export interface NewGap {
  readonly cause: GapCause
  readonly tag?: string | null
  readonly source?: string | null
  readonly fromUs: number
  readonly toUs: number
  readonly lost: number | null
  readonly detail?: string | null
}

/**
 * The gateway's side of the gap ledger: every loss, with cause and interval, on disk with the change that made it, and
 * told to the platform until it has confirmed it.
 */
export interface GapBook {
  /** Writes for the transaction in which readings are lost. Losses of one cause, tag and source that follow each other closely are one gap. */
  note(gaps: readonly NewGap[]): RecordWrite[]
  /** Begins a gap that goes on, unless one is open; resolves when it is on disk. */
  open(cause: GapCause, where: { tag?: string; source?: string }, fromUs: number, detail?: string): Promise<void>
  /** Ends the open gap, if there is one. */
  close(cause: GapCause, where: { tag?: string; source?: string }, toUs: number): Promise<void>
  /** Open or not confirmed, oldest first. */
  unconfirmed(limit: number): Gap[]
  /** What the platform has: closed gaps leave the gateway. */
  confirm(kept: readonly { id: string; revision: number }[]): Promise<void>
  /** Those that go on. */
  ongoing(): readonly Gap[]
}

interface StoredGap extends Gap { readonly confirmed: number }

/** Losses within so long of each other are one gap: a full buffer refuses a thousand times a minute. */
const JOIN_US = 5 * 60 * 1_000_000

export function createGapBook(buffer: DurableBuffer): GapBook {
  const gaps = new Map<string, StoredGap>()
  for (const { key, value } of buffer.records('gaps')) gaps.set(key, value as StoredGap)
  /** The newest gap of each cause, tag and source: the one that goes on or may be joined. */
  const newest = new Map<string, string>()
  for (const gap of gaps.values()) newest.set(placeOf(gap), gap.id)
  let counter = (buffer.record('facts', 'gap-counter') as number | undefined) ?? 0
  // Apart from the epoch: gaps go on over epochs. Random, so that a cloned box does not reuse ids.
  const stem = buffer.epoch.slice(0, 8) + randomBytes(3).toString('hex')

  function save(gap: StoredGap): RecordWrite {
    gaps.set(gap.id, gap)
    newest.set(placeOf(gap), gap.id)
    return { store: 'gaps', key: gap.id, value: gap }
  }
  function fresh({ cause, tag = null, source = null, fromUs, lost, detail = null }: NewGap, toUs: number | null): StoredGap {
    counter++
    return { ...gapSchema.parse({ id: `${stem}-${counter}`, revision: 1, cause, tag, source, fromUs: Math.floor(fromUs), toUs: toUs === null ? null : Math.ceil(toUs), lost, detail: detail?.slice(0, 500) ?? null }), confirmed: 0 }
  }
  const latest = (place: string): StoredGap | undefined => gaps.get(newest.get(place) ?? '')

  return {
    note(losses) {
      const writes = losses.map((loss) => {
        const before = latest(placeOf({ cause: loss.cause, tag: loss.tag ?? null, source: loss.source ?? null }))
        if (before && before.toUs !== null && loss.fromUs <= before.toUs + JOIN_US && loss.toUs >= before.fromUs - JOIN_US) {
          return save({
            ...before, revision: before.revision + 1, fromUs: Math.min(before.fromUs, Math.floor(loss.fromUs)), toUs: Math.max(before.toUs, Math.ceil(loss.toUs)),
            lost: before.lost === null || loss.lost === null ? null : before.lost + loss.lost,
          })
        }
        return save(fresh(loss, loss.toUs))
      })
      return writes.length === 0 ? [] : [...writes, { store: 'facts', key: 'gap-counter', value: counter }]
    },
    async open(cause, { tag, source }, fromUs, detail) {
      const before = latest(placeOf({ cause, tag: tag ?? null, source: source ?? null }))
      if (before && before.toUs === null) return
      const gap = fresh({ cause, tag: tag ?? null, source: source ?? null, fromUs, toUs: fromUs, lost: cause === 'wan' ? 0 : null, ...(detail !== undefined && { detail }) }, null)
      await buffer.write([save(gap), { store: 'facts', key: 'gap-counter', value: counter }])
    },
    async close(cause, { tag, source }, toUs) {
      const before = latest(placeOf({ cause, tag: tag ?? null, source: source ?? null }))
      if (!before || before.toUs !== null) return
      await buffer.write([save({ ...before, revision: before.revision + 1, toUs: Math.max(before.fromUs, Math.ceil(toUs)) })])
    },
    unconfirmed: (limit) => [...gaps.values()].filter(({ revision, confirmed }) => revision > confirmed).slice(0, limit).map(bare),
    async confirm(kept) {
      const writes: RecordWrite[] = []
      for (const { id, revision } of kept) {
        const gap = gaps.get(id)
        if (!gap || revision <= gap.confirmed) continue
        // The newest of its place stays a while: the next loss may join it.
        const mayGrow = gap.toUs === null || revision < gap.revision || newest.get(placeOf(gap)) === id
        if (mayGrow) {
          writes.push(save({ ...gap, confirmed: revision }))
        } else {
          gaps.delete(id)
          writes.push({ store: 'gaps', key: id, value: undefined })
        }
      }
      if (writes.length > 0) await buffer.write(writes)
    },
    ongoing: () => [...gaps.values()].filter(({ toUs }) => toUs === null).map(bare),
  }
}

const placeOf = ({ cause, tag, source }: Pick<Gap, 'cause' | 'tag' | 'source'>) => `${cause}|${tag ?? ''}|${source ?? ''}`
const bare = ({ confirmed: _confirmed, ...gap }: StoredGap): Gap => gap
