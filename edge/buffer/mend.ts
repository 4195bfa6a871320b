import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DomainError } from '../../registry/domain/errors.ts'
import { openLmdbFile } from './lmdb-file.ts'
import { bufferFile, diskFailure, makeFolder, openLmdbStore, type LmdbStore } from './lmdb-store.ts'
import { salvage } from './salvage.ts'

/** One life of a buffer's process, as the next one sees it. */
interface Life {
  /** It has run for a while. */
  settled(): void
  /** It ends in order. */
  end(): void
  /** It has not begun: the buffer could not be opened, for reasons that are not in its file. */
  undo(): void
}

export interface MendTuning {
  /** A life this long was no vain start, a minute unless told. */
  readonly settledMs: number
  /** How long a damaged file is kept for whoever wants to look at it, a day unless told; then the mended one has proved itself. */
  readonly keepDamagedMs: number
}
const defaultTuning: MendTuning = { settledMs: 60_000, keepDamagedMs: 24 * 3_600_000 }

/** Lives that ended soon and badly, one after the other, before the file is looked at in depth. */
const SUSPECT = 2
/** As many again, and it is set aside although nothing is seen: a gateway must not die for ever of what it cannot name. */
const HOPELESS = 16
/** Pages of the file, of 4 KiB, that are looked at after a first bad end: 64 MiB, about half a second on a small box. */
const LIGHT_PAGES = 16_384

/** Opens a buffer; what is damaged is set aside for what can be read of it, and the record `damage` tells what that lost. */
export function openMended(directory: string, tuning?: Partial<MendTuning>): { readonly store: LmdbStore; readonly life: Pick<Life, 'end'> } {
  const { settledMs, keepDamagedMs } = { ...defaultTuning, ...tuning }
  const life = beginLife(directory)
  const store = openStore(directory, life)
  const aside = asideOf(directory)
  let timer = setTimeout(function settled() {
    life.settled()
    const setAsideMs = statSync(aside, { throwIfNoEntry: false })?.ctimeMs
    if (setAsideMs === undefined) return
    const leftMs = setAsideMs + keepDamagedMs - Date.now()
    if (leftMs <= 0) remove(aside)
    else timer = setTimeout(settled, leftMs).unref()
  }, settledMs).unref()
  return {
    store,
    life: {
      end() {
        clearTimeout(timer)
        life.end()
      },
    },
  }
}

function openStore(directory: string, life: Pick<Life, 'undo'>): LmdbStore {
  const isDamage = (error: unknown) => error instanceof DomainError && error.details['damaged'] === true
  try {
    try {
      return openLmdbStore(directory)
    } catch (error) {
      if (!isDamage(error)) throw error
      setAside(directory)
      return openLmdbStore(directory)
    }
  } catch (error) {
    if (error instanceof DomainError && !isDamage(error)) life.undo()
    throw error
  }
}

/**
 * Looks at the file before LMDB does, when the life before did not end in order: LMDB trusts what it maps, and a page that
 * is not what it should be would end every process that opens it. A damaged file is set aside (`buffer.mdb.damaged`, the
 * last one) and a new one takes its place with all that can be read of it. The first look is a bounded one; only when the
 * next life ends badly too is all of the file read.
 */
function beginLife(directory: string): Life {
  const mark = path.join(directory, 'running')
  const lives = read(mark)
  if (lives > 0 && isDamaged(bufferFile(directory), lives)) setAside(directory)
  write(mark, lives + 1)
  return {
    settled() { write(mark, 1) },
    end() { rmSync(mark, { force: true }) },
    undo() {
      if (lives > 0) write(mark, lives)
      else remove(mark)
    },
  }
}

function isDamaged(file: string, lives: number): boolean {
  // Killed before it was made.
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return false
  const opened = openLmdbFile(file)
  if (!opened) return true
  const deep = lives >= SUSPECT
  try {
    if (lives % HOPELESS !== 0 && opened.check(deep, isJson, ['raw', 'batch-bytes'], deep ? Infinity : LIGHT_PAGES).length === 0) return false
  } finally {
    opened.close()
  }
  // Another process still writes to it: its pages changed while they were read.
  const again = openLmdbFile(file)
  again?.close()
  return again?.transaction === opened.transaction
}

/** In steps of which each leaves a buffer: the damaged one, or the new one. A disk that cannot hold both is something to wait for. */
function setAside(directory: string): void {
  const file = bufferFile(directory)
  const fresh = `${file}.salvaged`
  const aside = asideOf(directory)
  try {
    // One of an earlier damage has been looked at or never will be; its room is wanted now.
    rmSync(aside, { force: true })
    salvage(file, fresh)
    linkSync(file, aside)
    renameSync(fresh, file)
    for (const lock of [`${file}-lock`, `${fresh}-lock`]) rmSync(lock, { force: true })
  } catch (error) {
    for (const half of [fresh, `${fresh}-lock`]) remove(half)
    throw diskFailure(error, directory)
  }
}

const asideOf = (directory: string): string => `${bufferFile(directory)}.damaged`

/** A disk that takes nothing keeps it. */
function remove(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch { /* the next start tries again */ }
}

function isJson(value: Buffer): boolean {
  try {
    JSON.parse(value.toString('utf8'))
    return true
  } catch {
    return false
  }
}

function read(mark: string): number {
  try {
    return Number(readFileSync(mark, 'utf8')) || 1
  } catch {
    return 0
  }
}

function write(mark: string, lives: number): void {
  try {
    makeFolder(path.dirname(mark))
    writeFileSync(mark, String(lives), { mode: 0o600 })
  } catch {
    // A disk that takes nothing: then the next start takes this life for one that ended well.
  }
}
