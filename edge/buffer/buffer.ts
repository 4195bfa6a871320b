import type { Mode } from '../../registry/domain/contract/batch.ts'

/**
 * The port of the gateway's durable buffer: what the device gave, then the batches cut of it, then nothing; and for a
 * set time a raw store (the archive) of what has been cut, from which the platform can recall a period.
 *
 * Promises: an `append` that resolved is on disk. A raw entry leaves the queue only in the transaction that queues the
 * batches made of it (`queueCut`), or that counts and notes its loss (`drop`, `makeRoom`); a batch leaves only by
 * `removeBatches`, called on the platform's own acknowledgement. A kill at any moment leaves the state after one call
 * or before it, never between. A disk that takes no writes makes calls reject (`unavailable`); what is there stays.
 */
export interface DurableBuffer {
  /** Names the stream of batches made now; random, so that a cloned or restored buffer is another stream. */
  readonly epoch: string
  /** The sequence number the next batch must carry. */
  readonly nextSequence: number

  /**
   * Stores entries and, in the same transaction, how far their source has been read. The archive makes room for them;
   * beyond that it refuses (`too_large`) above the cap, and (`conflict`) when another process has taken over the buffer.
   */
  append(entries: readonly NewRawEntry[], options?: { position?: SourcePosition | undefined; beside?: readonly SourcePosition[] | undefined; records?: Records }): Promise<void>
  /** Resolves when a raw entry with an id above `id` waits, at once when one does; not for those that have left. */
  waitForRaw(id: number, signal?: AbortSignal): Promise<void>
  /** Resolves when `bytes` more would fit; at once when they never will. */
  waitForRoom(bytes: number, signal?: AbortSignal): Promise<void>
  /** Bytes that waiting entries and batches leave of the cap. */
  room(): number
  /** Oldest waiting raw entries with an id above `afterId` (up to `throughId`), about `maxBytes` of them (at least one, if there is one). */
  readRaw(afterId: number, maxBytes: number, throughId?: number): RawEntry[]
  /** The last waiting entry that came before this (gateway time, UTC microseconds); 0 when none did. */
  lastIdBefore(gatewayUs: number): number
  /** Takes waiting entries out that cannot be shipped: damaged. What they held is `records`' to say. */
  drop(ids: readonly number[], loss: Loss): Promise<void>
  /**
   * Drops waiting entries, or replaces them by what was kept of them, as `choose` says within the transaction: between a
   * choice made before it and its commit, somebody else may have taken the chosen ones in hand.
   */
  makeRoom(choose: () => RoomMade): Promise<void>

  /** Queues batches, takes the raw entries they were made of out of the queue and into the archive, keeps `state`: one transaction. */
  queueCut(cut: Cut): Promise<void>
  /** Resolves when a batch with a key above `key` is queued, at once when one is; not for those that have left. */
  waitForBatch(key: number, signal?: AbortSignal): Promise<void>
  /** Resolves when fewer than `count` batches are queued. */
  waitForFewerBatches(count: number, signal?: AbortSignal): Promise<void>
  /** Heads of queued batches with a key above `afterKey`, oldest first. */
  listBatches(afterKey: number, limit: number): QueuedBatch[]
  /** The bytes of a queued batch; undefined when it has left, null when the disk does not give what was written. */
  batchBytes(key: number): Uint8Array | null | undefined
  removeBatches(keys: readonly number[], records?: Records): Promise<void>
  /** Takes batches out that will never ship: damaged. */
  dropBatches(keys: readonly number[], loss: Loss): Promise<void>

  /** Archived entries with an id above `afterId` that hold source times in [fromUs, toUs], about `maxBytes` of them. */
  readArchive(fromUs: number, toUs: number, afterId: number, maxBytes: number): RawEntry[]
  /** Removes archived entries that came before `beforeUs` (gateway time), some at a time; resolves with how many. */
  pruneArchive(beforeUs: number): Promise<number>

  /** How far a source has been read, as its connector described it. */
  position(key: string): unknown
  /** Keys of positions that begin so. */
  positionKeys(prefix: string): string[]
  forgetPositions(keys: readonly string[]): Promise<void>
  /** What the last `queueCut` of this epoch kept; undefined in a new one. */
  readonly state: unknown
  /** Keeps a document (a tag map) that raw entries refer to by digest. */
  keepDocument(digest: string, document: unknown): Promise<void>
  document(digest: string): unknown
  documents(): string[]

  /** Small plain JSON records of the gateway's own (gaps, orders): by store and key. */
  write(records: Records): Promise<void>
  record(store: RecordStore, key: string): unknown
  records(store: RecordStore): { readonly key: string; readonly value: unknown }[]

  /** Starts a new stream: a random epoch, sequence 1, no state. Refuses (`conflict`) while raw entries wait. */
  beginEpoch(position?: SourcePosition): Promise<void>
  stats(): BufferStats
  close(): Promise<void>
}

export type RecordStore = 'gaps' | 'orders' | 'facts' | 'alarms'

/** Records to write with a change; worked out within its transaction where they depend on what is there then. */
export type Records = readonly RecordWrite[] | (() => readonly RecordWrite[])

export interface RecordWrite {
  readonly store: RecordStore
  readonly key: string
  /** Plain JSON; undefined removes it. */
  readonly value: unknown
}

export interface NewRawEntry {
  readonly bytes: Uint8Array
  /** Readings or samples-bearing rows in it; for the counts. */
  readonly count: number
  readonly mode: Mode
  /** When it came, by the gateway's clock; and the source times it spans. UTC microseconds. */
  readonly gatewayUs: number
  readonly fromUs: number
  readonly toUs: number
}

export interface RawEntry extends Omit<NewRawEntry, 'bytes'> {
  readonly id: number
  /** Null when what the disk gives is not what was written: only the head above is known. */
  readonly bytes: Uint8Array | null
  /** Room has been made of it once already. */
  readonly thinned: boolean
}

export interface Loss {
  /** Rows that will never ship. */
  readonly rows: number
  readonly records: Records
}

export interface RoomMade extends Loss {
  readonly dropped: readonly number[]
  /** What is kept of an entry, in its place. */
  readonly thinned: readonly (NewRawEntry & { readonly id: number })[]
}

export interface SourcePosition {
  readonly key: string
  /** Plain JSON. */
  readonly value: unknown
}

export interface Cut {
  /** In ascending order of sequence, beginning with the buffer's next; none when nothing of the entries ships. */
  readonly batches: readonly NewBatch[]
  readonly rawIds: readonly number[]
  /** Plain JSON that the cutter needs again after a restart. */
  readonly state: unknown
  readonly records?: Records
}

export interface NewBatch {
  readonly sequence: number
  readonly kind: 'readings' | 'waveforms'
  readonly count: number
  readonly bytes: Uint8Array
}

export interface QueuedBatch {
  /** Ascends in the order of queueing, across epochs. */
  readonly key: number
  readonly epoch: string
  readonly sequence: number
  readonly kind: 'readings' | 'waveforms'
  readonly count: number
  readonly byteLength: number
  /** Source times of the raw entries it was cut from; null when it was made of the archive. */
  readonly fromUs: number | null
  readonly toUs: number | null
}

export interface BufferStats {
  readonly epoch: string
  readonly rawEntries: number
  readonly rawRows: number
  readonly rawBytes: number
  readonly batches: number
  readonly batchRows: number
  readonly batchBytes: number
  readonly archiveEntries: number
  readonly archiveBytes: number
  readonly capBytes: number
  /** Gateway time of the oldest entry that waits; null when none does. */
  readonly oldestUs: number | null
  /** Gateway time of the newest entry ever appended; null before the first. */
  readonly lastUs: number | null
  /** Since the buffer was made. */
  readonly appendedRows: number
  readonly acknowledgedRows: number
  /** Rows of entries that left without being in a batch: the ship rules let them go, or the cutter could not read them. */
  readonly withheldRows: number
  readonly lostRows: number
}
