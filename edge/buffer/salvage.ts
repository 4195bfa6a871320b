import { rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import * as lmdb from 'lmdb'
import type { Key } from 'lmdb'
import { diskFree } from '../disk-free.ts'
import type { RecordStore } from './buffer.ts'
import { openLmdbFile, type LmdbFile } from './lmdb-file.ts'
import { META, newMeta, noDisk, openRoot, putMeta, startEpoch, tablesOf, type BatchHead, type EntryHead, type Meta, type Tables } from './lmdb-store.ts'
import { readOldest } from './oldest.ts'

/** Readings that a damaged file no longer gives. */
export interface DamageLoss {
  readonly fromUs: number
  readonly toUs: number
  /** null: not known. */
  readonly lost: number | null
  readonly detail: string
}

export interface Salvaged {
  readonly entries: number
  readonly batches: number
  readonly losses: readonly DamageLoss[]
}

/** Exported, though not in lmdb's types; test/unit/edge/buffer/damage.test.ts notices if it goes. */
const { bufferToKeyValue } = lmdb as unknown as { readonly bufferToKeyValue: (bytes: Buffer) => Key }

/** Entries that one transaction writes. */
const AT_ONCE = 200

/**
 * Copies what can be read of a damaged buffer into a new one: what waits, what is queued (under the epoch it has), the
 * archive, positions, maps, gaps. Whatever new is cut begins a new epoch. What is lost is counted where its head is left.
 */
export function salvage(from: string, to: string): Salvaged {
  for (const leftover of [to, `${to}-lock`]) rmSync(leftover, { force: true })
  const file = openLmdbFile(from)
  const root = openRoot(to)
  try {
    const tables = tablesOf(root)
    const formerMeta = file && [...jsonEntries<Meta>(file, 'facts')].find(([key]) => key === META)?.[1]
    const meta: Meta = { ...newMeta(''), ...formerMeta, rawEntries: 0, rawRows: 0, rawBytes: 0, batches: 0, batchRows: 0, batchBytes: 0, archiveEntries: 0, archiveBytes: 0 }
    startEpoch(meta)
    let oldestUs = Math.floor(statSync(from).birthtimeMs * 1000)
    for (const us of oldestTimes(file, path.dirname(from))) oldestUs = Math.min(oldestUs, us)
    if (file) wantRoom(file, path.dirname(to))
    const inTurns = createTurns(root)
    const losses: DamageLoss[] = file ? [
      ...copyEntries(file, tables, meta, formerMeta, oldestUs, inTurns),
      ...copyBatches(file, tables, meta, formerMeta, oldestUs, inTurns),
      ...copyRecords(file, tables, oldestUs, inTurns),
    ] : [unknownLoss(oldestUs, null, 'readings that waited')]
    meta.lostRows += losses.reduce((sum, { lost }) => sum + (lost ?? 0), 0)
    inTurns(() => {
      putMeta(tables.facts, meta)
      // Damage of before may not be in the gap book yet: a process that dies of what is left of the file is not there to note it.
      const before = tables.records.get(['facts', 'damage']) as readonly DamageLoss[] | undefined
      tables.records.putSync(['facts', 'damage'], [...before ?? [], ...losses])
    })
    inTurns.end()
    return { entries: meta.rawEntries, batches: meta.batches, losses }
  } finally {
    file?.close()
    void root.close()
  }
}

/** How far back the readings of a damaged file went: as it was noted beside it, else as the heads that are left say. */
function* oldestTimes(file: LmdbFile | undefined, directory: string): Generator<number> {
  const time = (value: unknown) => (typeof value === 'number' ? value : Infinity)
  yield time(readOldest(directory))
  if (!file) return
  for (const name of ['waiting', 'archive']) for (const [, head] of jsonEntries<EntryHead | null>(file, name)) yield time(head?.[5])
  for (const [, head] of jsonEntries<BatchHead | null>(file, 'batch-heads')) yield time(head?.fromUs)
}

/** Refuses (`unavailable`) before it fills a disk that cannot hold the copy: it is tried again every few seconds. */
function wantRoom(file: LmdbFile, directory: string): void {
  let bytes = 0
  for (const name of ['waiting', 'archive']) for (const [, head] of jsonEntries<EntryHead>(file, name)) bytes += Number(head[1]) || 0
  for (const [, head] of jsonEntries<BatchHead>(file, 'batch-heads')) bytes += Number(head.byteLength) || 0
  const free = diskFree(directory) ?? Infinity
  if (bytes > free) throw noDisk(directory, `its file is damaged; what can be read of it takes ${bytes} bytes, and ${free} are free`)
}

type Turns = ((write: () => void) => void) & { end(): void }

/** Writes, some in a transaction. */
function createTurns(root: ReturnType<typeof openRoot>): Turns {
  let waiting: (() => void)[] = []
  const end = () => {
    const writes = waiting
    waiting = []
    root.transactionSync(() => { for (const write of writes) write() })
  }
  return Object.assign((write: () => void) => {
    waiting.push(write)
    if (waiting.length >= AT_ONCE) end()
  }, { end })
}

function copyEntries(file: LmdbFile, tables: Tables, meta: Meta, former: Meta | undefined, oldestUs: number, inTurns: Turns): DamageLoss[] {
  const waiting = new Map(jsonEntries<EntryHead>(file, 'waiting') as Iterable<[number, EntryHead]>)
  const archive = new Map(jsonEntries<EntryHead>(file, 'archive') as Iterable<[number, EntryHead]>)
  const known = [...waiting.values()].reduce((sum, [rows]) => sum + rows, 0)
  for (const { key, value } of file.entries('raw')) {
    const id = keyOf(key)
    if (typeof id !== 'number') continue
    const head = waiting.get(id) ?? archive.get(id)
    if (head?.[1] !== value.length || crc32(value) !== head[2]) continue
    const isWaiting = waiting.delete(id)
    archive.delete(id)
    meta.lastRawId = Math.max(meta.lastRawId, id)
    if (isWaiting) {
      meta.rawEntries++
      meta.rawRows += head[0]
      meta.rawBytes += head[1]
    } else {
      meta.archiveEntries++
      meta.archiveBytes += head[1]
    }
    inTurns(() => {
      tables.raw.putSync(id, value)
      ;(isWaiting ? tables.waiting : tables.archive).putSync(id, head)
    })
  }
  const left = [...waiting.values()]
  return [
    ...(left.length > 0 ? [{
      fromUs: Math.min(...left.map((head) => head[5])), toUs: Math.max(...left.map((head) => head[6])), lost: left.reduce((sum, [rows]) => sum + rows, 0),
      detail: 'the file of the buffer was damaged: readings that waited cannot be read',
    }] : []),
    ...headless(former && former.rawRows - known, oldestUs, 'readings that waited'),
  ]
}

function copyBatches(file: LmdbFile, tables: Tables, meta: Meta, former: Meta | undefined, oldestUs: number, inTurns: Turns): DamageLoss[] {
  const heads = new Map(jsonEntries<BatchHead>(file, 'batch-heads') as Iterable<[number, BatchHead]>)
  const known = [...heads.values()].reduce((sum, { count }) => sum + count, 0)
  for (const { key, value } of file.entries('batch-bytes')) {
    const at = keyOf(key)
    const head = typeof at === 'number' ? heads.get(at) : undefined
    if (typeof at !== 'number' || head?.byteLength !== value.length || (head.crc32 !== undefined && crc32(value) !== head.crc32)) continue
    heads.delete(at)
    meta.lastBatchKey = Math.max(meta.lastBatchKey, at)
    meta.batches++
    meta.batchRows += head.count
    meta.batchBytes += head.byteLength
    inTurns(() => {
      tables.heads.putSync(at, head)
      tables.batchBytes.putSync(at, value)
    })
  }
  return [
    ...[...heads.values()].map(({ fromUs, toUs, count }) => ({
      fromUs: fromUs ?? oldestUs, toUs: toUs ?? nowUs(), lost: count, detail: 'the file of the buffer was damaged: a batch that was to be shipped cannot be read',
    })),
    ...headless(former && former.batchRows - known, oldestUs, 'batches that were to be shipped'),
  ]
}

/** Among the records are the gaps that the platform was not told yet: when some are gone, what they named is missing without a name. */
function copyRecords(file: LmdbFile, tables: Tables, oldestUs: number, inTurns: Turns): DamageLoss[] {
  for (const [key, value] of jsonEntries(file, 'positions')) inTurns(() => { tables.positions.putSync(String(key), value) })
  for (const [key, value] of jsonEntries(file, 'documents')) inTurns(() => { tables.documents.putSync(String(key), value) })
  let read = 0
  for (const [key, value] of jsonEntries(file, 'records')) {
    if (!Array.isArray(key)) continue
    read++
    inTurns(() => { tables.records.putSync(key as [RecordStore, string], value) })
  }
  return read === file.count('records') ? [] : [unknownLoss(oldestUs, null, 'readings whose loss had been noted')]
}

/** What the counts say was there, and of which not even the head is left. */
function headless(rows: number | undefined, oldestUs: number, what: string): DamageLoss[] {
  return rows === undefined ? [unknownLoss(oldestUs, null, what)] : rows > 0 ? [unknownLoss(oldestUs, rows, what)] : []
}

const unknownLoss = (fromUs: number, lost: number | null, what: string): DamageLoss =>
  ({ fromUs, toUs: nowUs(), lost, detail: `the file of the buffer was damaged: of ${what} it is not known any more of which time they were` })
const nowUs = () => Date.now() * 1000

function* jsonEntries<T>(file: LmdbFile, database: string): Generator<[Key, T]> {
  for (const { key, value } of file.entries(database)) {
    try {
      yield [bufferToKeyValue(key), JSON.parse(value.toString('utf8')) as T]
    } catch {
      // Its own text is damaged: as if it were not there.
    }
  }
}

function keyOf(bytes: Buffer): Key | undefined {
  try {
    return bufferToKeyValue(bytes)
  } catch {
    return undefined
  }
}
