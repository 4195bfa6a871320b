/**
 * The port of the gateway's durable buffer: what the device gave, then the batches cut of it, then nothing.
 *
 * Promises: an `append` that resolved is on disk. A raw entry leaves only in the transaction that queues the batch made
 * of it (`queueBatch`); a batch leaves only by `removeBatches`, called on the platform's own acknowledgement. A kill at
 * any moment leaves the state after one call or before it, never between.
 */
export interface DurableBuffer {
  /** Names the stream of batches made now; random, so that a cloned or restored buffer is another stream. */
  readonly epoch: string
  /** The sequence number the next batch must carry. */
  readonly nextSequence: number

  /**
   * Stores entries and, in the same transaction, how far their source has been read. Refuses (`too_large`) beyond the
   * cap, counting what it refused, and (`conflict`) when another process has taken over the buffer.
   */
  append(entries: readonly NewRawEntry[], position?: SourcePosition): Promise<void>
  /** Resolves when there is a raw entry with an id above `id`, at once when there is one; not for those that have left. */
  waitForRaw(id: number, signal?: AbortSignal): Promise<void>
  /** Resolves when `bytes` more would fit; at once when they never will. */
  waitForRoom(bytes: number, signal?: AbortSignal): Promise<void>
  /** Oldest raw entries with an id above `afterId`, about `maxBytes` of them (at least one, if there is one). */
  readRaw(afterId: number, maxBytes: number): RawEntry[]

  /** Puts a batch into the queue, takes the raw entries it was made of out, and keeps `state`: one transaction. */
  queueBatch(batch: NewBatch): Promise<void>
  /** Resolves when a batch with a key above `key` is queued, at once when one is; not for those that have left. */
  waitForBatch(key: number, signal?: AbortSignal): Promise<void>
  /** Heads of queued batches with a key above `afterKey`, oldest first. */
  listBatches(afterKey: number, limit: number): QueuedBatch[]
  /** The bytes of a queued batch; undefined when it has left. */
  batchBytes(key: number): Uint8Array | undefined
  removeBatches(keys: readonly number[]): Promise<void>

  /** How far a source has been read, as its connector described it. */
  position(key: string): unknown
  /** What the last `queueBatch` of this epoch kept; undefined in a new one. */
  readonly state: unknown
  /** Keeps a document (a tag map) that raw entries refer to by digest. */
  keepDocument(digest: string, document: unknown): Promise<void>
  document(digest: string): unknown

  /** Starts a new stream: a random epoch, sequence 1, no state. Refuses (`conflict`) while raw entries wait. */
  beginEpoch(position?: SourcePosition): Promise<void>
  stats(): BufferStats
  close(): Promise<void>
}

export interface NewRawEntry {
  readonly bytes: Uint8Array
  /** Readings or samples-bearing rows in it; for the counts. */
  readonly count: number
}

export interface RawEntry {
  readonly id: number
  readonly bytes: Uint8Array
}

export interface SourcePosition {
  readonly key: string
  /** Plain JSON. */
  readonly value: unknown
}

export interface NewBatch {
  readonly sequence: number
  readonly kind: 'readings' | 'waveforms'
  readonly count: number
  readonly bytes: Uint8Array
  readonly rawIds: readonly number[]
  /** Plain JSON that the cutter needs again after a restart. */
  readonly state: unknown
}

export interface QueuedBatch {
  /** Ascends in the order of queueing, across epochs. */
  readonly key: number
  readonly epoch: string
  readonly sequence: number
  readonly kind: 'readings' | 'waveforms'
  readonly count: number
  readonly byteLength: number
}

export interface BufferStats {
  readonly epoch: string
  readonly rawEntries: number
  readonly rawRows: number
  readonly rawBytes: number
  readonly batches: number
  readonly batchRows: number
  readonly batchBytes: number
  readonly capBytes: number
  /** Since the buffer was made. */
  readonly appendedRows: number
  readonly acknowledgedRows: number
  readonly rejectedRows: number
}
