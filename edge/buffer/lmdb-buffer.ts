import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { refuse } from '../../registry/domain/errors.ts'
import { createBell } from '../bell.ts'
import type { DurableBuffer, NewBatch, NewRawEntry, QueuedBatch, RawEntry, SourcePosition } from './buffer.ts'
import { bufferFingerprint } from './identity.ts'

export interface LmdbBufferOptions {
  /** Folder of the buffer; made when missing. */
  readonly directory: string
  /** Most bytes of raw entries and batches together; 2 GiB unless told. */
  readonly capBytes?: number
}

/** All that is true of the buffer beside its entries, in one record, so that it changes with them or not at all. */
interface Meta {
  format: 1
  fingerprint: string
  epoch: string
  nextSequence: number
  state: unknown
  lastRawId: number
  lastBatchKey: number
  rawEntries: number
  rawRows: number
  rawBytes: number
  batches: number
  batchRows: number
  batchBytes: number
  appendedRows: number
  acknowledgedRows: number
  rejectedRows: number
}

const DEFAULT_CAP = 2 * 1024 ** 3
const META = 'meta'
const OWNER = 'owner'

/**
 * The buffer on LMDB: one file, copy-on-write pages, so a kill or a power cut leaves the last committed transaction.
 * Its cost does not grow with its depth. One process owns it: whoever opens it last; the former owner's writes are
 * refused from then on, so that no stale lock file ever needs a person.
 */
export async function openLmdbBuffer({ directory, capBytes = DEFAULT_CAP }: LmdbBufferOptions): Promise<DurableBuffer> {
  mkdirSync(directory, { recursive: true })
  const file = path.join(directory, 'buffer.mdb')
  const root = openRoot(file)
  const json = { encoding: 'json' } as const
  const binary = { encoding: 'binary' } as const
  const facts: Database<unknown, string> = root.openDB('facts', json)
  const positions: Database<unknown, string> = root.openDB('positions', json)
  const documents: Database<unknown, string> = root.openDB('documents', json)
  const raw: Database<Buffer, number> = root.openDB('raw', binary)
  const sizes: Database<[rows: number, bytes: number], number> = root.openDB('raw-sizes', json)
  const heads: Database<Omit<QueuedBatch, 'key'>, number> = root.openDB('batch-heads', json)
  const bytesOf: Database<Buffer, number> = root.openDB('batch-bytes', binary)

  const owner = randomBytes(8).toString('hex')
  let meta = await takeOver(root, facts, owner, bufferFingerprint(file))
  // What listeners may rely on is what has been committed, which is less than what transactions have been queued.
  let committed = { ...meta }
  const arrived = createBell()
  const queued = createBell()
  const freed = createBell()

  /**
   * Runs one atomic change. `meta` is changed in place by the callbacks, which LMDB runs one after the other; if the
   * commit fails (disk full) it is read back from what is on disk.
   */
  async function change(apply: (next: Meta) => void): Promise<void> {
    try {
      await root.transaction(() => {
        if (facts.get(OWNER) !== owner) {
          refuse('conflict', `the buffer ${directory} has been taken over by another gateway process; run one gateway per buffer`)
        }
        const next = { ...meta }
        apply(next)
        void facts.put(META, next)
        meta = next
      })
      committed = meta
    } catch (error) {
      meta = (facts.get(META) as Meta | undefined) ?? meta
      throw error
    }
  }

  const buffer: DurableBuffer = {
    get epoch() { return meta.epoch },
    get nextSequence() { return meta.nextSequence },
    get state() { return meta.state ?? undefined },

    async append(entries: readonly NewRawEntry[], position?: SourcePosition) {
      const size = entries.reduce((sum, entry) => sum + entry.bytes.byteLength, 0)
      const count = entries.reduce((sum, entry) => sum + entry.count, 0)
      if (meta.rawBytes + meta.batchBytes + size > capBytes) {
        await change((next) => { next.rejectedRows += count })
        refuse('too_large', `the buffer ${directory} is full (${meta.rawBytes + meta.batchBytes} of ${capBytes} bytes): `
          + `${count} readings were not taken. Restore the connection to the platform, or raise the cap.`, { capBytes, count })
      }
      await change((next) => {
        for (const entry of entries) {
          next.lastRawId++
          void raw.put(next.lastRawId, asBuffer(entry.bytes))
          void sizes.put(next.lastRawId, [entry.count, entry.bytes.byteLength])
        }
        if (position) void positions.put(position.key, position.value)
        next.rawEntries += entries.length
        next.rawRows += count
        next.rawBytes += size
        next.appendedRows += count
      })
      arrived.ring()
    },

    async waitForRaw(id, signal) {
      while (committed.lastRawId <= id && !signal?.aborted) await arrived.wait(signal)
    },
    async waitForRoom(bytes, signal) {
      while (bytes <= capBytes && meta.rawBytes + meta.batchBytes + bytes > capBytes && !signal?.aborted) await freed.wait(signal)
    },

    readRaw(afterId, maxBytes) {
      const out: RawEntry[] = []
      let size = 0
      for (const { key, value } of raw.getRange({ start: afterId, exclusiveStart: true })) {
        out.push({ id: key, bytes: value })
        size += value.byteLength
        if (size >= maxBytes) break
      }
      return out
    },

    async queueBatch(batch: NewBatch) {
      await change((next) => {
        if (batch.sequence !== next.nextSequence) {
          refuse('conflict', `batch ${batch.sequence} was to be queued where ${next.nextSequence} is next; cut batches one at a time`)
        }
        for (const id of batch.rawIds) {
          const [rows, size] = sizes.get(id) ?? refuse('conflict', `raw entry ${id} has left the buffer already; a raw entry goes into one batch`)
          next.rawBytes -= size
          next.rawRows -= rows
          next.rawEntries--
        }
        for (const id of batch.rawIds) {
          void raw.remove(id)
          void sizes.remove(id)
        }
        next.lastBatchKey++
        void heads.put(next.lastBatchKey, {
          epoch: next.epoch, sequence: batch.sequence, kind: batch.kind, count: batch.count, byteLength: batch.bytes.byteLength,
        })
        void bytesOf.put(next.lastBatchKey, asBuffer(batch.bytes))
        next.nextSequence++
        next.state = batch.state
        next.batches++
        next.batchRows += batch.count
        next.batchBytes += batch.bytes.byteLength
      })
      queued.ring()
    },

    async waitForBatch(key, signal) {
      while (committed.lastBatchKey <= key && !signal?.aborted) await queued.wait(signal)
    },
    listBatches(afterKey, limit) {
      return [...heads.getRange({ start: afterKey, exclusiveStart: true, limit })].map(({ key, value }) => ({ key, ...value }))
    },
    batchBytes: (key) => bytesOf.getBinary(key),

    async removeBatches(keys) {
      await change((next) => {
        for (const key of keys) {
          const head = heads.get(key)
          if (!head) continue
          void heads.remove(key)
          void bytesOf.remove(key)
          next.batches--
          next.batchRows -= head.count
          next.batchBytes -= head.byteLength
          next.acknowledgedRows += head.count
        }
      })
      freed.ring()
    },

    position: (key) => positions.get(key),
    async keepDocument(digest, document) {
      if (documents.doesExist(digest)) return
      await change(() => { void documents.put(digest, document) })
    },
    document: (digest) => documents.get(digest),

    async beginEpoch(position) {
      await change((next) => {
        if (next.rawEntries > 0) refuse('conflict', `${next.rawEntries} raw entries wait to be cut; a new epoch would tear them from their stream`)
        startEpoch(next)
        if (position) void positions.put(position.key, position.value)
      })
    },

    stats: () => ({
      epoch: meta.epoch, capBytes,
      rawEntries: meta.rawEntries, rawRows: meta.rawRows, rawBytes: meta.rawBytes,
      batches: meta.batches, batchRows: meta.batchRows, batchBytes: meta.batchBytes,
      appendedRows: meta.appendedRows, acknowledgedRows: meta.acknowledgedRows, rejectedRows: meta.rejectedRows,
    }),

    async close() {
      await root.close()
    },
  }
  return buffer
}

function openRoot(file: string): RootDatabase {
  try {
    // overlappingSync would resolve a write before it is on disk; a gateway's power is cut without warning.
    return open({ path: file, noSubdir: true, maxDbs: 8, overlappingSync: false })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return refuse('unavailable', `the buffer ${file} cannot be opened (${reason}); check the folder's rights, free space and disk`)
  }
}

/** Becomes the owner; makes the record when the buffer is new, and a new epoch when it is not where it was. */
async function takeOver(root: RootDatabase, facts: Database<unknown, string>, owner: string, fingerprint: string): Promise<Meta> {
  let meta: Meta | undefined
  await root.transaction(() => {
    const found = facts.get(META) as Meta | undefined
    meta = found ?? newMeta(fingerprint)
    if (meta.fingerprint !== fingerprint) {
      meta.fingerprint = fingerprint
      startEpoch(meta)
    }
    void facts.put(META, meta)
    void facts.put(OWNER, owner)
  })
  return meta as unknown as Meta
}

function newMeta(fingerprint: string): Meta {
  const meta: Meta = {
    format: 1, fingerprint, epoch: '', nextSequence: 1, state: null, lastRawId: 0, lastBatchKey: 0,
    rawEntries: 0, rawRows: 0, rawBytes: 0, batches: 0, batchRows: 0, batchBytes: 0,
    appendedRows: 0, acknowledgedRows: 0, rejectedRows: 0,
  }
  startEpoch(meta)
  return meta
}

function startEpoch(meta: Meta): void {
  meta.epoch = randomBytes(8).toString('hex')
  meta.nextSequence = 1
  meta.state = null
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
