import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import type { Mode } from '../../registry/domain/contract/batch.ts'
import type { QueuedBatch, RecordStore } from './buffer.ts'
import { bufferFingerprint } from './identity.ts'
import { diskFree } from '../disk-free.ts'
import { BUFFER_FORMAT } from './format.ts'
import { createReserve, RESERVE_BYTES, type Reserve } from './reserve.ts'

/** All that is true of the buffer beside its entries; it changes with them or not at all. */
export interface Meta {
  format: typeof BUFFER_FORMAT.format
  fingerprint: string
  epoch: string
  nextSequence: number
  /** The cutter's; it may be large, so it stands in a record of its own, written when it changes. */
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
  /** Gateway time of the newest entry ever appended; null before the first. */
  lastUs: number | null
}

/** Those of a version before have neither checksum nor times. */
export type BatchHead = Omit<QueuedBatch, 'key' | 'fromUs' | 'toUs'> & Partial<Pick<QueuedBatch, 'fromUs' | 'toUs'>> & { readonly crc32?: number }

/** What is known of a raw entry without reading it. */
export type EntryHead = [rows: number, bytes: number, crc32: number, mode: Mode, gatewayUs: number, fromUs: number, toUs: number, thinned: 0 | 1]

/** What the file holds, by name; `facts` is the store's own. */
export interface Tables {
  readonly facts: Database<unknown, string>
  /** Bytes of every raw entry, waiting or archived. */
  readonly raw: Database<Buffer, number>
  readonly waiting: Database<EntryHead, number>
  readonly archive: Database<EntryHead, number>
  readonly heads: Database<BatchHead, number>
  readonly batchBytes: Database<Buffer, number>
  readonly positions: Database<unknown, string>
  readonly documents: Database<unknown, string>
  readonly records: Database<unknown, [RecordStore, string]>
}

export interface LmdbStore extends Omit<Tables, 'facts'> {
  readonly meta: Meta
  /**
   * Applies a change to the stores and to `meta` in a transaction; resolves when it is on disk. One that `frees` may have
   * the reserve when the disk is full.
   */
  change(apply: (next: Meta) => void, frees?: 'frees'): Promise<void>
  close(): Promise<void>
}

interface Change {
  readonly frees: boolean
  readonly apply: (next: Meta) => void
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const PAGE = 4096
export const META = 'meta'
const STATE = 'state'
/** A disk with less is full: a transaction may take as much before it gives any back. */
const SPARE_BYTES = RESERVE_BYTES / 4
const OWNER = 'owner'

/**
 * One LMDB file: copy-on-write pages, so a kill or a power cut leaves the last committed transaction. One process owns
 * it: whoever opens it last; the former owner's writes are refused from then on, so that no stale lock file ever needs
 * a person.
 */
export function openLmdbStore(directory: string): LmdbStore {
  const file = bufferFile(directory)
  const root = openRoot(file)
  const tables = tablesOf(root)
  const { facts } = tables
  const owner = randomBytes(8).toString('hex')
  const reserve = createReserve(directory, facts.get(META) !== undefined)
  let meta = takeOver(root, facts, owner, bufferFingerprint(file), directory, reserve)
  reserve.make()

  /**
   * All changes asked for in one turn of the event loop share one transaction, hence one wait for the disk. It is a
   * synchronous one: LMDB's asynchronous transactions hand each callback from a thread to the main one and back, and
   * under load both were seen to wait for each other for ever.
   */
  let queue: Change[] = []
  function commit(): void {
    const changes = queue
    queue = []
    // Without the reserve, the free pages of the file are for those who give more back; and before the disk is full, not
    // after: LMDB does not survive many writes that fail halfway.
    const cramped = (reserve.given() || spare() < SPARE_BYTES) && !hasRoomInside()
    if (cramped && spare() < SPARE_BYTES && changes.some(({ frees }) => frees)) reserve.give()
    const wait = cramped ? changes.filter(({ frees }) => !frees) : []
    const now = changes.filter((change) => !wait.includes(change))
    const failure = attempt(now)
    if (failure) {
      const freeing = now.filter(({ frees }) => frees)
      const stuck = isDiskFailure(failure) && freeing.length > 0 && reserve.give() ? attempt(freeing) : failure
      for (const change of now) if (stuck || !change.frees) change.reject(failure)
    }
    if (wait.length > 0) {
      const full = noDisk(directory, 'it is full, and what room is left is for shipping')
      for (const { reject } of wait) reject(full)
    }
    reserve.make()
  }

  /** Tells those whose change is on disk; gives why none is. */
  function attempt(changes: readonly Change[]): Error | undefined {
    if (changes.length === 0) return undefined
    const outcomes: (() => void)[] = []
    try {
      let next = meta
      root.transactionSync(() => {
        if (facts.get(OWNER) !== owner) {
          refuse('conflict', `the buffer ${directory} has been taken over by another gateway process; run one gateway per buffer`)
        }
        for (const { apply, resolve, reject } of changes) {
          const attempted = { ...next }
          try {
            apply(attempted)
            next = attempted
            outcomes.push(resolve)
          } catch (error) {
            // A change refuses before it writes anything, so the others stand.
            if (!(error instanceof DomainError)) throw error
            outcomes.push(() => { reject(error) })
          }
        }
        putMeta(facts, next, meta)
      })
      meta = next
    } catch (error) {
      return diskFailure(error, directory)
    }
    for (const tell of outcomes) tell()
    return undefined
  }

  const spare = () => diskFree(directory) ?? Infinity

  /** Half of the file is free, and enough for some transactions. */
  function hasRoomInside(): boolean {
    const { rawBytes, batchBytes, archiveBytes, rawEntries, batches, archiveEntries } = meta
    const used = rawBytes + batchBytes + archiveBytes + PAGE * (rawEntries + batches + archiveEntries)
    const { size } = statSync(file)
    return size - used > Math.max(RESERVE_BYTES / 8, size / 2)
  }

  return {
    get meta() { return meta },
    ...tables,
    change: (apply, frees) => new Promise((resolve, reject) => {
      if (queue.length === 0) setImmediate(commit)
      queue.push({ frees: frees !== undefined, apply, resolve, reject })
    }),
    async close() {
      if (queue.length > 0) commit()
      await root.close()
    },
  }
}

export const bufferFile = (directory: string): string => path.join(directory, 'buffer.mdb')

export function tablesOf(root: RootDatabase): Tables {
  const json = { encoding: 'json' } as const
  const binary = { encoding: 'binary' } as const
  return {
    facts: root.openDB('facts', json), raw: root.openDB('raw', binary), waiting: root.openDB('waiting', json), archive: root.openDB('archive', json), heads: root.openDB('batch-heads', json),
    batchBytes: root.openDB('batch-bytes', binary), positions: root.openDB('positions', json), documents: root.openDB('documents', json), records: root.openDB('records', json),
  }
}

export function openRoot(file: string): RootDatabase {
  try {
    makeFolder(path.dirname(file))
    // overlappingSync would resolve a write before it is on disk; a gateway's power is cut without warning.
    return open({ path: file, noSubdir: true, maxDbs: 12, overlappingSync: false })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return refuse('unavailable', `the buffer ${file} cannot be opened (${reason}); check the folder's rights, free space and disk`, { disk: DISK.test(reason), damaged: DAMAGED.test(reason) })
  }
}

/** Asked for parents too, Node calls a read-only disk a folder that is not there. */
export function makeFolder(directory: string): void {
  if (existsSync(directory)) return
  if (existsSync(path.dirname(directory))) mkdirSync(directory)
  else mkdirSync(directory, { recursive: true })
}

/** As LMDB words it; and what it gives is no JSON any more. */
const DAMAGED = /MDB_(INVALID|CORRUPTED|PAGE_NOTFOUND|PANIC|VERSION_MISMATCH)|not an LMDB file|wrong type|page not found|JSON/i

const DISK = /ENOSPC|EROFS|EIO|read-only|EDQUOT|No space left|Read-only file system|Input\/output error|MDB_MAP_FULL|quota/i

/** A disk that takes nothing is something to wait for; anything else is as it came. */
export function diskFailure(error: unknown, directory: string): Error {
  if (error instanceof DomainError) return error
  const message = error instanceof Error ? error.message : String(error)
  return DISK.test(message) ? noDisk(directory, message) : error instanceof Error ? error : new Error(message)
}

export const noDisk = (directory: string, why: string) =>
  new DomainError('unavailable', `the disk of the buffer ${directory} takes no writes (${why}); free some space, or check the disk`, { disk: true })
const isDiskFailure = (error: Error) => error instanceof DomainError && error.code === 'unavailable'

/** Becomes the owner; makes the record when the buffer is new, and a new epoch when it is not where it was. */
function takeOver(root: RootDatabase, facts: Database<unknown, string>, owner: string, fingerprint: string, directory: string, reserve: Reserve): Meta {
  const take = () => root.transactionSync(() => {
    const kept = facts.get(META) as Partial<Meta> | undefined
    // Earlier versions kept the state within the record.
    const meta: Meta = { ...newMeta(fingerprint), state: facts.get(STATE) ?? null, ...kept }
    if (meta.fingerprint !== fingerprint) {
      meta.fingerprint = fingerprint
      startEpoch(meta)
    }
    putMeta(facts, meta)
    facts.putSync(OWNER, owner)
    return meta
  })
  try {
    return take()
  } catch (error) {
    const failure = diskFailure(error, directory)
    if (isDiskFailure(failure) && reserve.give()) return take()
    void root.close()
    throw failure
  }
}

/** Every commit writes the counts; the state only when it is another than `before`'s. */
export function putMeta(facts: Database<unknown, string>, meta: Meta, before?: Meta): void {
  const { state, ...counts } = meta
  if (state !== before?.state) facts.putSync(STATE, state)
  facts.putSync(META, counts)
}

export function newMeta(fingerprint: string): Meta {
  const meta: Meta = {
    format: BUFFER_FORMAT.format, fingerprint, epoch: '', nextSequence: 1, state: null, lastRawId: 0, lastBatchKey: 0,
    rawEntries: 0, rawRows: 0, rawBytes: 0, batches: 0, batchRows: 0, batchBytes: 0, archiveEntries: 0, archiveBytes: 0,
    appendedRows: 0, acknowledgedRows: 0, withheldRows: 0, lostRows: 0, lastUs: null,
  }
  startEpoch(meta)
  return meta
}

export function startEpoch(meta: Meta): void {
  meta.epoch = randomBytes(8).toString('hex')
  meta.nextSequence = 1
  meta.state = null
}
