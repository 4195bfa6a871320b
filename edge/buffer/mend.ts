import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DomainError } from '../../registry/domain/errors.ts'
import { openLmdbFile } from './lmdb-file.ts'
import { bufferFile, makeFolder, openLmdbStore, type LmdbStore } from './lmdb-store.ts'
import { salvage } from './salvage.ts'

/** One life of a buffer's process, as the next one sees it. */
interface Life {
  /** It has run for a while. */
  settled(): void
  /** It ends in order. */
  end(): void
}

/** Lives that ended soon and badly, one after the other, before the file is looked at in depth. */
const SUSPECT = 2
/** As many again, and it is set aside although nothing is seen: a gateway must not die for ever of what it cannot name. */
const HOPELESS = 16
/** A life this long was no vain start. */
const SETTLED_MS = 60_000

/** Opens a buffer; what is damaged is set aside for what can be read of it, and the record `damage` tells what that lost. */
export function openMended(directory: string): { readonly store: LmdbStore; readonly life: Pick<Life, 'end'> } {
  const life = beginLife(directory)
  const open = () => {
    try {
      return openLmdbStore(directory)
    } catch (error) {
      if (!(error instanceof DomainError) || error.details['damaged'] !== true) throw error
      setAside(directory)
      return openLmdbStore(directory)
    }
  }
  const store = open()
  const settled = setTimeout(() => { life.settled() }, SETTLED_MS)
  settled.unref()
  return {
    store,
    life: {
      end() {
        clearTimeout(settled)
        life.end()
      },
    },
  }
}

/**
 * Looks at the file before LMDB does, when the life before did not end in order: LMDB trusts what it maps, and a page that
 * is not what it should be would end every process that opens it. A damaged file is set aside (`buffer.mdb.damaged`, the
 * last one) and a new one takes its place with all that can be read of it.
 */
function beginLife(directory: string): Life {
  const mark = path.join(directory, 'running')
  const lives = read(mark)
  if (lives > 0 && isDamaged(bufferFile(directory), lives)) setAside(directory)
  write(mark, lives + 1)
  return {
    settled() { write(mark, 1) },
    end() { rmSync(mark, { force: true }) },
  }
}

function isDamaged(file: string, lives: number): boolean {
  // Killed before it was made.
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return false
  const opened = openLmdbFile(file)
  if (!opened) return true
  try {
    if (lives % HOPELESS !== 0 && opened.check(lives >= SUSPECT, isJson, ['raw', 'batch-bytes']).length === 0) return false
  } finally {
    opened.close()
  }
  // Another process still writes to it: its pages changed while they were read.
  const again = openLmdbFile(file)
  again?.close()
  return again?.transaction === opened.transaction
}

/** In steps of which each leaves a buffer: the damaged one, or the new one. */
function setAside(directory: string): void {
  const file = bufferFile(directory)
  const fresh = `${file}.salvaged`
  const aside = `${file}.damaged`
  salvage(file, fresh)
  rmSync(aside, { force: true })
  linkSync(file, aside)
  renameSync(fresh, file)
  for (const lock of [`${file}-lock`, `${fresh}-lock`]) rmSync(lock, { force: true })
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
