import { laneOf, type Mode } from '../registry/domain/contract/batch.ts'
import { createBell, firstOf } from './bell.ts'
import type { DurableBuffer, RawEntry } from './buffer/buffer.ts'
import { createClaims, type ActiveSource, type ClaimState } from './claims.ts'
import { createGroup, type CutGroup } from './cut-group.ts'
import type { CutLimits } from './cut-limits.ts'
import { persistOnce, type Persist } from './disk-watch.ts'
import type { GapBook } from './gap-book.ts'
import { gapOfDamaged } from './losses.ts'
import type { RawReader } from './raw-reader.ts'
import type { Recaller } from './recall.ts'
import { watchersOf, type ShapeState } from './shape.ts'
import type { TagMapping } from './tag-map.ts'

export interface CutterOptions {
  readonly buffer: DurableBuffer
  readonly site: string
  readonly gateway: string
  readonly sources: () => readonly ActiveSource[]
  readonly limits: CutLimits
  /** UTC microseconds. */
  readonly nowUs: () => number
  readonly gaps?: GapBook
  readonly recaller?: Recaller
  readonly reader: RawReader
  /** How writes wait for a disk that takes none; unless told they do not, and the cutter ends. */
  readonly persist?: Persist
  /**
   * `oldest-first` (unless told): everything in the order it came. `live-first`: what has waited longer than
   * `lateAfterMs` goes behind, as backfill, and what comes now goes first.
   */
  readonly order?: OutageOrder
  readonly onFlagged?: (counts: { flagged: number; duplicates: number }) => void
  /** Hears how many readings wait that only a newer gateway can read: they stay. */
  readonly onNewer?: (rows: number) => void
}

export interface OutageOrder {
  readonly first: 'oldest' | 'live'
  readonly lateAfterMs: number
}

/** Kept with every cut: together with the raw entries that still wait, all that a restart needs. */
interface CutterState {
  readonly claims?: ClaimState
  readonly shape?: ShapeState
  /** Live entries up to here are late: they ship as backfill, behind those above. */
  readonly lateThroughId?: number
}

/** A way through the waiting entries, in their order. */
interface Stream {
  readonly late: boolean
  lastRead: number
  open: CutGroup | undefined
}

const READ_BYTES = 4 * 1024 * 1024

/** Turns raw entries of the buffer into queued batches, in the buffer's order within a lane. One cutter per buffer. */
export interface Cutter {
  /** Cuts batches as they fill or come due, until the signal aborts; what is open then stays raw, on disk. */
  run(signal: AbortSignal): Promise<void>
  /** Cuts all there is now, full or not, however many batches wait. Not while `run` runs. */
  drain(): Promise<void>
  /** Raw entries up to this id are in hand: room must not be made of them. */
  inHand(id: number): boolean
}

export function createCutter(options: CutterOptions): Cutter {
  const { buffer, reader, limits, sources, nowUs, gaps, recaller, order = { first: 'oldest', lateAfterMs: 60_000 }, persist = persistOnce } = options
  const state = (buffer.state ?? {}) as CutterState
  const claims = createClaims(sources, state.claims)
  const shape: ShapeState = structuredClone(state.shape ?? {})
  const watchersByMap = new Map<string, ReadonlyMap<string, readonly TagMapping[]>>()
  let lateThroughId = state.lateThroughId ?? 0
  const main: Stream = { late: false, lastRead: lateThroughId, open: undefined }
  const late: Stream = { late: true, lastRead: 0, open: undefined }
  const hand = new Set<number>()
  let newerRows = 0
  let running = new AbortController().signal

  /** Live entries that have waited too long go behind: from here on the main stream begins above them. */
  function splitLate(): void {
    if (order.first !== 'live' || main.open) return
    const limitUs = nowUs() - order.lateAfterMs * 1000
    const [oldest] = buffer.readRaw(main.lastRead, 1)
    if (!oldest || oldest.gatewayUs >= limitUs || laneOf(oldest.mode) !== 'live' || oldest.mode !== 'live') return
    lateThroughId = buffer.lastIdBefore(limitUs)
    main.lastRead = Math.max(main.lastRead, lateThroughId)
  }

  /** Reads on from the buffer into the open group, and cuts when it is full; false when there was nothing new. */
  async function take(stream: Stream, maxBytes = READ_BYTES): Promise<boolean> {
    const entries = buffer.readRaw(stream.lastRead, maxBytes, stream.late ? lateThroughId : Infinity)
    // All at once, before anything is awaited: whoever makes room must not take what has been read.
    for (const { id } of entries) hand.add(id)
    for (const entry of entries) {
      const read = reader.read(entry)
      if (read === 'damaged') await dropDamaged(entry)
      stream.lastRead = entry.id
      if (typeof read === 'string') {
        hand.delete(entry.id)
        if (read === 'newer') options.onNewer?.(newerRows += entry.count)
        continue
      }
      const { block, normaliser } = read
      const mode: Mode = stream.late && block.mode === 'live' ? 'backfill' : block.mode
      if (stream.open && !stream.open.fits(block)) await cut(stream)
      stream.open ??= createGroup({ ...options, claims, shape, watchers: (digest) => watchers(digest) })
      stream.open.add(entry.id, block, mode, normaliser)
      if (stream.open.isFull()) await cut(stream)
    }
    return entries.length > 0
  }

  /** One damaged entry must not hold up all behind it. */
  async function dropDamaged(entry: RawEntry): Promise<void> {
    await persist(() => buffer.drop([entry.id], { rows: entry.count, records: gaps?.note([gapOfDamaged(entry)]) ?? [] }), running)
  }

  function watchers(digest: string): ReadonlyMap<string, readonly TagMapping[]> {
    let found = watchersByMap.get(digest)
    if (!found) {
      const normaliser = reader.normaliser(digest)
      found = watchersOf((normaliser?.tags ?? []).flatMap((tag) => normaliser?.mapping(tag) ?? []))
      watchersByMap.set(digest, found)
    }
    return found
  }

  async function cut(stream: Stream): Promise<void> {
    const group = stream.open
    if (!group) return
    stream.open = undefined
    const { batches, wanted, flagged, duplicates, documents } = group.finish()
    for (const { digest, document } of documents) await persist(() => buffer.keepDocument(digest, document), running)
    const cutNow = { batches, rawIds: group.ids, records: recaller?.wanted(wanted) ?? [], state: stateNow() }
    await persist(() => buffer.queueCut(cutNow), running)
    for (const id of group.ids) hand.delete(id)
    if (flagged + duplicates > 0) options.onFlagged?.({ flagged, duplicates })
  }
  const stateNow = (): CutterState => ({ claims: claims.state(), shape, lateThroughId })

  const isDue = ({ open }: Stream) => open !== undefined && performance.now() - open.openedMs >= limits.waitMs
  const dueInMs = ({ open }: Stream) => (open ? open.openedMs + limits.waitMs - performance.now() : Infinity)

  /** One step of work, the live one first; false when there was none. */
  async function step(): Promise<boolean> {
    splitLate()
    if (await take(main)) {
      if (isDue(main)) await cut(main)
      return true
    }
    if (isDue(main)) {
      await cut(main)
      return true
    }
    // Little at a time, so that what comes now never waits long behind what came late.
    if (late.lastRead < lateThroughId) {
      if (!(await take(late, READ_BYTES / 4))) late.lastRead = lateThroughId
      if (late.lastRead >= lateThroughId || isDue(late)) await cut(late)
      return true
    }
    if (late.open) {
      await cut(late)
      return true
    }
    return (await recaller?.step(stateNow, running)) ?? false
  }

  return {
    async run(signal) {
      running = signal
      while (!signal.aborted) {
        await buffer.waitForFewerBatches(limits.queued, signal)
        if (signal.aborted) return
        const worked = await step().catch((error: unknown) => {
          // Stopped while the disk took no writes: what was in hand is raw, on disk, as it was.
          if (signal.aborted) return false
          throw error
        })
        if (worked) {
          // The uplink shares this thread: let it ship between two cuts.
          await new Promise((resolve) => setImmediate(resolve))
          continue
        }
        await firstOf(signal, (inner) => [
          buffer.waitForRaw(main.lastRead, inner),
          ...(recaller ? [recaller.wait(inner)] : []),
          ...(main.open ? [createBell().wait(inner, dueInMs(main))] : []),
        ])
      }
    },
    async drain() {
      for (;;) {
        splitLate()
        if (await take(main)) continue
        await cut(main)
        if (late.lastRead < lateThroughId && (await take(late))) continue
        await cut(late)
        return
      }
    },
    inHand: (id) => hand.has(id),
  }
}
