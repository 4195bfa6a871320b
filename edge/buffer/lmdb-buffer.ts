import { crc32 } from 'node:zlib'
import type { Database } from 'lmdb'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import { createBell } from '../bell.ts'
import type { DurableBuffer, NewRawEntry, RawEntry, RecordStore, Records } from './buffer.ts'
import { createOldest } from './oldest.ts'
import { startEpoch, type EntryHead, type Meta } from './lmdb-store.ts'
import { openMended } from './mend.ts'

export interface LmdbBufferOptions {
  /** Folder of the buffer; made when missing. */
  readonly directory: string
  /** Most bytes of all together; 2 GiB unless told. */
  readonly capBytes?: number
  /** Most bytes of it that cut entries may keep, until waiting ones need them; nothing is kept unless told. */
  readonly archiveBytes?: number
}

const DEFAULT_CAP = 2 * 1024 ** 3
/** Archived entries that one transaction removes: few, so that it never takes long. */
const PRUNED_AT_ONCE = 256

/** The buffer on LMDB. Its cost does not grow with its depth. */
export async function openLmdbBuffer({ directory, capBytes = DEFAULT_CAP, archiveBytes = 0 }: LmdbBufferOptions): Promise<DurableBuffer> {
  const { store, life } = openMended(directory)
  const { raw, waiting, archive, heads, positions, documents } = store
  const arrived = createBell()
  const queued = createBell()
  const freed = createBell()

  const room = () => capBytes - store.meta.rawBytes - store.meta.batchBytes

  function write(records: Records = []): void {
    for (const { store: name, key, value } of typeof records === 'function' ? records() : records) {
      if (value === undefined) store.records.removeSync([name, key])
      else store.records.putSync([name, key], value)
    }
  }

  function put(id: number, entry: NewRawEntry, thinned: 0 | 1): void {
    const bytes = asBuffer(entry.bytes)
    raw.putSync(id, bytes)
    waiting.putSync(id, [entry.count, bytes.byteLength, crc32(bytes), entry.mode, entry.gatewayUs, entry.fromUs, entry.toUs, thinned])
  }

  /** Takes a waiting entry's numbers out of the counts. */
  function leave(next: Meta, [rows, bytes]: EntryHead): void {
    next.rawEntries--
    next.rawRows -= rows
    next.rawBytes -= bytes
  }

  function headOf(id: number): EntryHead {
    return waiting.get(id) ?? refuse('conflict', `raw entry ${id} has left the buffer already; a raw entry goes into one batch`)
  }

  /** Takes batches out and gives how many rows they had; those that have left count nothing. */
  function removeHeads(next: Meta, keys: readonly number[]): number {
    let rows = 0
    for (const key of keys) {
      const head = heads.get(key)
      if (!head) continue
      heads.removeSync(key)
      store.batchBytes.removeSync(key)
      next.batches--
      next.batchRows -= head.count
      next.batchBytes -= head.byteLength
      rows += head.count
    }
    return rows
  }

  const oldest = createOldest(directory)

  /** Removes the oldest archived entries while `excess` says so. */
  function prune(next: Meta, excess: (head: EntryHead) => boolean): number {
    const gone: number[] = []
    for (const { key, value } of archive.getRange({ limit: PRUNED_AT_ONCE })) {
      if (!excess(value)) break
      next.archiveEntries--
      next.archiveBytes -= value[1]
      gone.push(key)
    }
    for (const id of gone) {
      archive.removeSync(id)
      raw.removeSync(id)
    }
    return gone.length
  }
  const pruneToFit = (next: Meta) => prune(next, () => next.archiveBytes > Math.min(archiveBytes, Math.max(0, capBytes - next.rawBytes - next.batchBytes)))

  /** On a full disk what waits goes before what has been shipped: there is room at the next try. */
  async function giveUpArchive(error: unknown): Promise<never> {
    if (error instanceof DomainError && error.code === 'unavailable' && store.meta.archiveEntries > 0) await store.change((next) => { prune(next, () => true) }, 'frees').catch(() => {})
    throw error
  }

  function entryOf(id: number, [count, , crc, mode, gatewayUs, fromUs, toUs, thinned]: EntryHead): RawEntry {
    const bytes = raw.getBinary(id)
    return { id, count, mode, gatewayUs, fromUs, toUs, thinned: thinned === 1, bytes: bytes && crc32(bytes) === crc ? bytes : null }
  }

  const buffer: DurableBuffer = {
    get epoch() { return store.meta.epoch },
    get nextSequence() { return store.meta.nextSequence },
    get state() { return store.meta.state ?? undefined },
    room,

    async append(entries, { position, beside = [], records } = {}) {
      const size = entries.reduce((sum, entry) => sum + entry.bytes.byteLength, 0)
      const count = entries.reduce((sum, entry) => sum + entry.count, 0)
      if (size > room()) {
        refuse('too_large', `the buffer ${directory} is full (${capBytes - room()} of ${capBytes} bytes): `
          + `${count} readings were not taken. Restore the connection to the platform, or raise the cap.`, { capBytes, count })
      }
      for (const { fromUs } of entries) oldest.note(fromUs)
      const change = store.change((next) => {
        for (const entry of entries) put(++next.lastRawId, entry, 0)
        for (const { key, value } of position ? [position, ...beside] : beside) positions.putSync(key, value)
        write(records)
        next.rawEntries += entries.length
        next.rawRows += count
        next.rawBytes += size
        next.appendedRows += count
        for (const { gatewayUs } of entries) next.lastUs = Math.max(next.lastUs ?? -Infinity, gatewayUs)
        pruneToFit(next)
      })
      await change.catch(giveUpArchive)
      arrived.ring()
    },

    async waitForRaw(id, signal) {
      while (!hasAfter(waiting, id) && !signal?.aborted) await arrived.wait(signal)
    },
    async waitForRoom(bytes, signal) {
      while (bytes <= capBytes && bytes > room() && !signal?.aborted) await freed.wait(signal)
    },

    readRaw(afterId, maxBytes, throughId = Infinity) {
      const out: RawEntry[] = []
      let size = 0
      for (const { key, value } of waiting.getRange({ start: afterId, exclusiveStart: true })) {
        if (key > throughId) break
        out.push(entryOf(key, value))
        size += value[1]
        if (size >= maxBytes) break
      }
      return out
    },

    lastIdBefore(gatewayUs) {
      const [first] = waiting.getKeys({ limit: 1 })
      if (first === undefined) return 0
      // Entries come in the order of time: halve the ids until the last one before it is found.
      let before = first - 1
      let after = store.meta.lastRawId + 1
      while (after - before > 1) {
        const middle = Math.floor((before + after) / 2)
        const [found] = waiting.getRange({ start: middle, limit: 1 })
        if (found && found.value[4] < gatewayUs) before = Math.max(found.key, middle)
        else after = middle
      }
      return before >= first ? before : 0
    },

    drop: (ids, loss) => buffer.makeRoom(() => ({ dropped: ids, thinned: [], ...loss })),
    async makeRoom(choose) {
      await store.change((next) => {
        const { dropped, thinned, rows, records } = choose()
        for (const head of [...dropped, ...thinned.map(({ id }) => id)].map(headOf)) leave(next, head)
        for (const id of dropped) {
          waiting.removeSync(id)
          raw.removeSync(id)
        }
        for (const entry of thinned) {
          put(entry.id, entry, 1)
          next.rawEntries++
          next.rawRows += entry.count
          next.rawBytes += entry.bytes.byteLength
        }
        next.lostRows += rows
        write(records)
      }, 'frees')
      freed.ring()
    },

    async queueCut({ batches, rawIds, state, records }) {
      await store.change((next) => {
        batches.forEach(({ sequence }, index) => {
          if (sequence !== next.nextSequence + index) {
            refuse('conflict', `batch ${sequence} was to be queued where ${next.nextSequence + index} is next; cut batches one at a time`)
          }
        })
        const found = rawIds.map(headOf)
        const rows = found.reduce((sum, [count]) => sum + count, 0)
        found.forEach((head, index) => {
          const id = rawIds[index] as number
          leave(next, head)
          waiting.removeSync(id)
          if (archiveBytes > 0) {
            archive.putSync(id, head)
            next.archiveEntries++
            next.archiveBytes += head[1]
          } else raw.removeSync(id)
        })
        let shipped = 0
        const span = spanOf(found)
        for (const { sequence, kind, count, bytes } of batches) {
          next.lastBatchKey++
          heads.putSync(next.lastBatchKey, { epoch: next.epoch, sequence, kind, count, byteLength: bytes.byteLength, crc32: crc32(asBuffer(bytes)), ...span })
          store.batchBytes.putSync(next.lastBatchKey, asBuffer(bytes))
          next.nextSequence++
          next.batches++
          next.batchRows += count
          next.batchBytes += bytes.byteLength
          shipped += count
        }
        next.state = state
        next.withheldRows += Math.max(0, rows - shipped)
        write(records)
        pruneToFit(next)
      }, 'frees')
      queued.ring()
      if (batches.length === 0) freed.ring()
    },

    async waitForBatch(key, signal) {
      while (!hasAfter(heads, key) && !signal?.aborted) await queued.wait(signal)
    },
    async waitForFewerBatches(count, signal) {
      while (store.meta.batches >= count && !signal?.aborted) await freed.wait(signal)
    },
    listBatches(afterKey, limit) {
      return [...heads.getRange({ start: afterKey, exclusiveStart: true, limit })].map(({ key, value: { crc32: _crc, fromUs = null, toUs = null, ...head } }) => ({ key, ...head, fromUs, toUs }))
    },
    batchBytes(key) {
      const bytes = store.batchBytes.getBinary(key)
      const head = heads.get(key)
      if (!head) return undefined
      return bytes && (head.crc32 === undefined || crc32(bytes) === head.crc32) ? bytes : null
    },

    async removeBatches(keys, records) {
      await store.change((next) => {
        next.acknowledgedRows += removeHeads(next, keys)
        write(records)
      }, 'frees')
      freed.ring()
    },
    async dropBatches(keys, { rows, records }) {
      await store.change((next) => {
        removeHeads(next, keys)
        next.lostRows += rows
        write(records)
      }, 'frees')
      freed.ring()
    },

    readArchive(fromUs, toUs, afterId, maxBytes) {
      const out: RawEntry[] = []
      let size = 0
      for (const { key, value } of archive.getRange({ start: afterId, exclusiveStart: true })) {
        const [, bytes, , , , from, to] = value
        if (to < fromUs || from > toUs) continue
        out.push(entryOf(key, value))
        size += bytes
        if (size >= maxBytes) break
      }
      return out
    },
    async pruneArchive(beforeUs) {
      let gone = 0
      await store.change((next) => { gone = prune(next, ([, , , , gatewayUs]) => gatewayUs < beforeUs) }, 'frees')
      return gone
    },

    position: (key) => positions.get(key),
    positionKeys: (prefix) => [...positions.getKeys({ start: prefix, end: `${prefix}\uffff` })],
    forgetPositions: (keys) => store.change(() => { for (const key of keys) positions.removeSync(key) }),
    async keepDocument(digest, document) {
      if (documents.doesExist(digest)) return
      await store.change(() => { documents.putSync(digest, document) })
    },
    document: (digest) => documents.get(digest),
    documents: () => [...documents.getKeys()],

    write: (records) => store.change(() => { write(records) }),
    record: (name, key) => store.records.get([name, key]),
    records: (name: RecordStore) => [...store.records.getRange({ start: [name, ''], end: [name, '\uffff'] })].map(({ key, value }) => ({ key: key[1], value })),

    async beginEpoch(position) {
      await store.change((next) => {
        if (next.rawEntries > 0) refuse('conflict', `${next.rawEntries} raw entries wait to be cut; a new epoch would tear them from their stream`)
        startEpoch(next)
        if (position) positions.putSync(position.key, position.value)
      })
    },

    stats() {
      const { format: _format, fingerprint: _fingerprint, nextSequence: _next, state: _state, lastRawId: _id, lastBatchKey: _key, ...counts } = store.meta
      const [oldest] = waiting.getRange({ limit: 1 })
      return { ...counts, capBytes, oldestUs: oldest?.value[4] ?? null }
    },

    async close() {
      await store.close()
      life.end()
    },
  }
  return buffer
}

/** Looks for an entry rather than at the last number given out: what was there and has left is nothing to wake for. */
function hasAfter(entries: Database<unknown, number>, key: number): boolean {
  for (const _found of entries.getKeys({ start: key, exclusiveStart: true, limit: 1 })) return true
  return false
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function spanOf(heads: readonly EntryHead[]): { fromUs: number | null; toUs: number | null } {
  let [fromUs, toUs] = [Infinity, -Infinity]
  for (const head of heads) [fromUs, toUs] = [Math.min(fromUs, head[5]), Math.max(toUs, head[6])]
  return heads.length === 0 ? { fromUs: null, toUs: null } : { fromUs, toUs }
}
