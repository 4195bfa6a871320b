import { randomBytes } from 'node:crypto'
import { gapSchema, type Gap, type GapCause } from '../registry/domain/contract/gateway-report.ts'
import type { DurableBuffer, RecordWrite, Records } from './buffer/buffer.ts'

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

/** Whom a gap concerns: a tag, a source, or (neither) the whole gateway. */
export interface GapPlace { readonly tag?: string; readonly source?: string }

/**
 * The gateway's side of the gap ledger: every loss, with cause and interval, on disk with the change that made it, and
 * told to the platform until it has confirmed it.
 */
export interface GapBook {
  /** Writes for the transaction in which readings are lost. Losses of one cause, tag and source that follow each other closely are one gap. */
  note(gaps: readonly NewGap[]): Records
  /** Begins a gap that goes on, unless one is open; resolves when it is on disk. */
  open(cause: GapCause, where: GapPlace, fromUs: number, detail?: string): Promise<void>
  /** Ends the open gap, if there is one. */
  close(cause: GapCause, where: GapPlace, toUs: number): Promise<void>
  /** Ends the open gaps of these causes, of one source or of all: nobody watches them any more. */
  closeAll(causes: readonly GapCause[], toUs: number, source?: string): Promise<void>
  /** Open or not confirmed, oldest first. */
  unconfirmed(limit: number): Gap[]
  /** What the platform has: closed gaps leave the gateway. */
  confirm(kept: readonly { id: string; revision: number }[]): Promise<void>
  /** Those that go on. */
  ongoing(): readonly Gap[]
}

interface StoredGap extends Gap { readonly confirmed: number }

/** The book within one transaction. */
interface Pages {
  readonly get: (id: string | undefined) => StoredGap | undefined
  readonly put: (gap: StoredGap) => void
  readonly remove: (id: string) => void
  readonly fresh: (gap: NewGap, toUs: number | null) => StoredGap
}

/** Losses within so long of each other are one gap: a full buffer refuses a thousand times a minute. */
const JOIN_US = 5 * 60 * 1_000_000
/** Between two times off the gateway ran: those are two gaps, however near. */
const joinUs = (cause: GapCause) => (cause === 'gateway_off' ? 0 : JOIN_US)

/**
 * The truth is on disk, and each change is worked out within its transaction: one that fails (a full disk) has changed
 * nothing, and done again it counts once.
 */
export function createGapBook(buffer: DurableBuffer): GapBook {
  /** By place: the gap that goes on, and the closed one that the next loss may join. */
  const open = new Map<string, string>()
  const newest = new Map<string, string>()
  const stored = (): StoredGap[] => buffer.records('gaps').map(({ value }) => value as StoredGap).sort((a, b) => a.fromUs - b.fromUs)
  const find = (id: string | undefined) => (id === undefined ? undefined : buffer.record('gaps', id) as StoredGap | undefined)
  for (const gap of stored()) (gap.toUs === null ? open : newest).set(placeOf(gap), gap.id)
  // Apart from the epoch: gaps go on over epochs. Random, so that a cloned box does not reuse ids.
  const stem = buffer.epoch.slice(0, 8) + randomBytes(3).toString('hex')

  /** The gaps that one transaction changes, and the number of the last one made. */
  function change(apply: (pages: Pages) => void): Records {
    return () => {
      const changed = new Map<string, StoredGap | undefined>()
      const before = (buffer.record('facts', 'gap-counter') as number | undefined) ?? 0
      let counter = before
      apply({
        get: (id) => (id !== undefined && changed.has(id) ? changed.get(id) : find(id)),
        put(gap) {
          changed.set(gap.id, gap)
          const place = placeOf(gap)
          if (gap.toUs === null) open.set(place, gap.id)
          else {
            if (open.get(place) === gap.id) open.delete(place)
            newest.set(place, gap.id)
          }
        },
        remove: (id) => { changed.set(id, undefined) },
        fresh: ({ cause, tag = null, source = null, fromUs, lost, detail = null }, toUs) => ({
          ...gapSchema.parse({ id: `${stem}-${++counter}`, revision: 1, cause, tag, source, fromUs: Math.floor(fromUs), toUs: toUs === null ? null : Math.ceil(toUs), lost, detail: detail?.slice(0, 500) ?? null }),
          confirmed: 0,
        }),
      })
      const writes: RecordWrite[] = [...changed].map(([key, value]) => ({ store: 'gaps', key, value }))
      return counter === before ? writes : [...writes, { store: 'facts', key: 'gap-counter', value: counter }]
    }
  }
  const ended = (gap: StoredGap, toUs: number): StoredGap => ({ ...gap, revision: gap.revision + 1, toUs: Math.max(gap.fromUs, Math.ceil(toUs)) })

  return {
    note: (losses) => (losses.length === 0 ? [] : change(({ get, put, fresh }) => {
      for (const loss of losses) {
        const before = get(newest.get(placeOf(loss)))
        if (!before || before.toUs === null || loss.fromUs > before.toUs + joinUs(loss.cause) || loss.toUs < before.fromUs - joinUs(loss.cause)) {
          put(fresh(loss, loss.toUs))
          continue
        }
        put({
          ...before, revision: before.revision + 1, fromUs: Math.min(before.fromUs, Math.floor(loss.fromUs)), toUs: Math.max(before.toUs, Math.ceil(loss.toUs)),
          lost: before.lost === null || loss.lost === null ? null : before.lost + loss.lost,
        })
      }
    })),
    async open(cause, { tag, source }, fromUs, detail) {
      const gap: NewGap = { cause, tag: tag ?? null, source: source ?? null, fromUs, toUs: fromUs, lost: cause === 'wan' ? 0 : null, ...(detail !== undefined && { detail }) }
      if (find(open.get(placeOf(gap)))) return
      await buffer.write(change(({ get, put, fresh }) => { if (!get(open.get(placeOf(gap)))) put(fresh(gap, null)) }))
    },
    async close(cause, { tag, source }, toUs) {
      const place = placeOf({ cause, tag: tag ?? null, source: source ?? null })
      if (!find(open.get(place))) return
      await buffer.write(change(({ get, put }) => {
        const gap = get(open.get(place))
        if (gap) put(ended(gap, toUs))
      }))
    },
    async closeAll(causes, toUs, source) {
      const over = stored().filter((gap) => gap.toUs === null && (causes as readonly string[]).includes(gap.cause) && (source === undefined || gap.source === source))
      if (over.length > 0) await buffer.write(change(({ put }) => { for (const gap of over) put(ended(gap, toUs)) }))
    },
    unconfirmed: (limit) => stored().filter(({ revision, confirmed }) => revision > confirmed).slice(0, limit).map(bare),
    async confirm(kept) {
      if (!kept.some(({ id, revision }) => (find(id)?.confirmed ?? Infinity) < revision)) return
      await buffer.write(change(({ get, put, remove }) => {
        for (const { id, revision } of kept) {
          const gap = get(id)
          if (!gap || revision <= gap.confirmed) continue
          // The newest of its place stays a while: the next loss may join it.
          const mayGrow = gap.toUs === null || revision < gap.revision || newest.get(placeOf(gap)) === id
          if (mayGrow) put({ ...gap, confirmed: revision })
          else remove(id)
        }
      }))
    },
    ongoing: () => stored().filter(({ toUs }) => toUs === null).map(bare),
  }
}

const placeOf = ({ cause, tag, source }: { readonly cause: string; readonly tag?: string | null; readonly source?: string | null }) => `${cause}|${tag ?? ''}|${source ?? ''}`
const bare = ({ confirmed: _confirmed, ...gap }: StoredGap): Gap => gap
