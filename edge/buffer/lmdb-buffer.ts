import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
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

interface Change {
  readonly apply: (next: Meta) => void
  readonly resolve: () => void
  readonly reject: (error: Error) => void
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
  let meta = takeOver(root, facts, owner, bufferFingerprint(file))
  const arrived = createBell()
  const queued = createBell()
  const freed = createBell()

  /**
   * All changes asked for in one turn of the event loop share one transaction, hence one wait for the disk. It is a
   * synchronous one: LMDB's asynchronous transactions hand each callback from a thread to the main one and back, and
   * under load both were seen to wait for each other for ever.
   */
  let waiting: Change[] = []
  function change(apply: (next: Meta) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(commit)
      waiting.push({ apply, resolve, reject })
    })
  }
  function commit(): void {
    const changes = waiting
    waiting = []
    const outcomes: (() => void)[] = []
    try {
      let next = meta
      root.transactionSync(() => {
        if (facts.get(OWNER) !== owner) {
          refuse('conflict', `the buffer ${directory} has been taken over by another gateway process; run one gateway per buffer`)
        }
        for (const { apply, resolve, reject } of changes) {
          const attempt = { ...next }
          try {
            apply(attempt)
            next = attempt
            outcomes.push(resolve)
          } catch (error) {
            // A change refuses before it writes anything, so the others stand.
            if (!(error instanceof DomainError)) throw error
            outcomes.push(() => { reject(error) })
          }
        }
        facts.putSync(META, next)
      })
      meta = next
      for (const tell of outcomes) tell()
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error))
      for (const { reject } of changes) reject(failure)
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
          raw.putSync(next.lastRawId, asBuffer(entry.bytes))
          sizes.putSync(next.lastRawId, [entry.count, entry.bytes.byteLength])
        }
        if (position) positions.putSync(position.key, position.value)
        next.rawEntries += entries.length
        next.rawRows += count
        next.rawBytes += size
        next.appendedRows += count
      })
      arrived.ring()
    },

    async waitForRaw(id, signal) {
      while (!hasAfter(raw, id) && !signal?.aborted) await arrived.wait(signal)
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
          raw.removeSync(id)
          sizes.removeSync(id)
        }
        next.lastBatchKey++
        heads.putSync(next.lastBatchKey, {
          epoch: next.epoch, sequence: batch.sequence, kind: batch.kind, count: batch.count, byteLength: batch.bytes.byteLength,
        })
        bytesOf.putSync(next.lastBatchKey, asBuffer(batch.bytes))
        next.nextSequence++
        next.state = batch.state
        next.batches++
        next.batchRows += batch.count
        next.batchBytes += batch.bytes.byteLength
      })
      queued.ring()
    },

    async waitForBatch(key, signal) {
      while (!hasAfter(heads, key) && !signal?.aborted) await queued.wait(signal)
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
          heads.removeSync(key)
          bytesOf.removeSync(key)
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
      await change(() => { documents.putSync(digest, document) })
    },
    document: (digest) => documents.get(digest),

    async beginEpoch(position) {
      await change((next) => {
        if (next.rawEntries > 0) refuse('conflict', `${next.rawEntries} raw entries wait to be cut; a new epoch would tear them from their stream`)
        startEpoch(next)
        if (position) positions.putSync(position.key, position.value)
      })
    },

    stats: () => ({
      epoch: meta.epoch, capBytes,
      rawEntries: meta.rawEntries, rawRows: meta.rawRows, rawBytes: meta.rawBytes,
      batches: meta.batches, batchRows: meta.batchRows, batchBytes: meta.batchBytes,
      appendedRows: meta.appendedRows, acknowledgedRows: meta.acknowledgedRows, rejectedRows: meta.rejectedRows,
    }),

    async close() {
      if (waiting.length > 0) commit()
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
function takeOver(root: RootDatabase, facts: Database<unknown, string>, owner: string, fingerprint: string): Meta {
  return root.transactionSync(() => {
    const meta = (facts.get(META) as Meta | undefined) ?? newMeta(fingerprint)
    if (meta.fingerprint !== fingerprint) {
      meta.fingerprint = fingerprint
      startEpoch(meta)
    }
    facts.putSync(META, meta)
    facts.putSync(OWNER, owner)
    return meta
  })
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

/** Looks for an entry rather than at the last number given out: what was there and has left is nothing to wake for. */
function hasAfter(entries: Database<unknown, number>, key: number): boolean {
  for (const _found of entries.getKeys({ start: key, exclusiveStart: true, limit: 1 })) return true
  return false
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
