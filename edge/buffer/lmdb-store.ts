import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import type { Mode } from '../../registry/domain/contract/batch.ts'
import type { QueuedBatch, RecordStore } from './buffer.ts'
import { bufferFingerprint } from './identity.ts'

/** All that is true of the buffer beside its entries, in one record, so that it changes with them or not at all. */
export interface Meta {
  format: 2
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
  archiveEntries: number
  archiveBytes: number
  appendedRows: number
  acknowledgedRows: number
  withheldRows: number
  lostRows: number
}

/** What is known of a raw entry without reading it. */
export type EntryHead = [rows: number, bytes: number, crc32: number, mode: Mode, gatewayUs: number, fromUs: number, toUs: number, thinned: 0 | 1]

export interface LmdbStore {
  readonly meta: Meta
  /** Bytes of every raw entry, waiting or archived. */
  readonly raw: Database<Buffer, number>
  readonly waiting: Database<EntryHead, number>
  readonly archive: Database<EntryHead, number>
  readonly heads: Database<Omit<QueuedBatch, 'key'>, number>
  readonly batchBytes: Database<Buffer, number>
  readonly positions: Database<unknown, string>
  readonly documents: Database<unknown, string>
  readonly records: Database<unknown, [RecordStore, string]>
  /** Applies a change to the stores and to `meta` in a transaction; resolves when it is on disk. */
  change(apply: (next: Meta) => void): Promise<void>
  close(): Promise<void>
}

interface Change {
  readonly apply: (next: Meta) => void
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const META = 'meta'
const OWNER = 'owner'

/**
 * One LMDB file: copy-on-write pages, so a kill or a power cut leaves the last committed transaction. One process owns
 * it: whoever opens it last; the former owner's writes are refused from then on, so that no stale lock file ever needs
 * a person.
 */
export function openLmdbStore(directory: string): LmdbStore {
  mkdirSync(directory, { recursive: true })
  const file = path.join(directory, 'buffer.mdb')
  const root = openRoot(file)
  const json = { encoding: 'json' } as const
  const binary = { encoding: 'binary' } as const
  const facts: Database<unknown, string> = root.openDB('facts', json)
  const owner = randomBytes(8).toString('hex')
  let meta = takeOver(root, facts, owner, bufferFingerprint(file))

  /**
   * All changes asked for in one turn of the event loop share one transaction, hence one wait for the disk. It is a
   * synchronous one: LMDB's asynchronous transactions hand each callback from a thread to the main one and back, and
   * under load both were seen to wait for each other for ever.
   */
  let queue: Change[] = []
  function commit(): void {
    const changes = queue
    queue = []
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
      const failure = diskFailure(error, directory)
      for (const { reject } of changes) reject(failure)
    }
  }

  return {
    get meta() { return meta },
    raw: root.openDB('raw', binary),
    waiting: root.openDB('waiting', json),
    archive: root.openDB('archive', json),
    heads: root.openDB('batch-heads', json),
    batchBytes: root.openDB('batch-bytes', binary),
    positions: root.openDB('positions', json),
    documents: root.openDB('documents', json),
    records: root.openDB('records', json),
    change: (apply) => new Promise((resolve, reject) => {
      if (queue.length === 0) setImmediate(commit)
      queue.push({ apply, resolve, reject })
    }),
    async close() {
      if (queue.length > 0) commit()
      await root.close()
    },
  }
}

function openRoot(file: string): RootDatabase {
  try {
    // overlappingSync would resolve a write before it is on disk; a gateway's power is cut without warning.
    return open({ path: file, noSubdir: true, maxDbs: 12, overlappingSync: false })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return refuse('unavailable', `the buffer ${file} cannot be opened (${reason}); check the folder's rights, free space and disk`)
  }
}

const DISK = /ENOSPC|EROFS|EIO|EDQUOT|No space left|Read-only file system|Input\/output error|MDB_MAP_FULL|quota/i

/** A disk that takes nothing is something to wait for; anything else is as it came. */
function diskFailure(error: unknown, directory: string): Error {
  if (error instanceof DomainError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (!DISK.test(message)) return error instanceof Error ? error : new Error(message)
  return new DomainError('unavailable', `the disk of the buffer ${directory} takes no writes (${message}); free some space, or check the disk`, { disk: true })
}

/** Becomes the owner; makes the record when the buffer is new, and a new epoch when it is not where it was. */
function takeOver(root: RootDatabase, facts: Database<unknown, string>, owner: string, fingerprint: string): Meta {
  return root.transactionSync(() => {
    const meta = { ...newMeta(fingerprint), ...(facts.get(META) as Meta | undefined) }
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
    format: 2, fingerprint, epoch: '', nextSequence: 1, state: null, lastRawId: 0, lastBatchKey: 0,
    rawEntries: 0, rawRows: 0, rawBytes: 0, batches: 0, batchRows: 0, batchBytes: 0, archiveEntries: 0, archiveBytes: 0,
    appendedRows: 0, acknowledgedRows: 0, withheldRows: 0, lostRows: 0,
  }
  startEpoch(meta)
  return meta
}

export function startEpoch(meta: Meta): void {
  meta.epoch = randomBytes(8).toString('hex')
  meta.nextSequence = 1
  meta.state = null
}
