import { chownSync, closeSync, existsSync, fchownSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'

const UNFINISHED = /\.(\d+)\.new$/

/** Whether a file of this name was begun by a process that ended before it was whole. */
export function isLeftOver(name: string): boolean {
  const pid = Number(UNFINISHED.exec(name)?.[1])
  if (Number.isNaN(pid) || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** A folder only its owner may look into. What root makes belongs to whoever the folder above belongs to: the gateway, which must read it. */
export function makeFolder(directory: string): void {
  if (existsSync(directory)) return
  const above = path.dirname(directory)
  makeFolder(above)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const owner = ownerAbove(directory)
  if (owner !== null) chownSync(directory, owner.uid, owner.gid)
}

const ownerAbove = (place: string): { uid: number; gid: number } | null => (process.getuid?.() === 0 ? statSync(path.dirname(place)) : null)

/**
 * A file that is there whole or not at all, whenever the power goes: written beside, on disk, then given its name, and
 * the name on disk before this returns. Only its owner may read it.
 */
export function putDurably(file: string, bytes: Uint8Array): void {
  const beside = `${file}.${process.pid}.new`
  try {
    writeFlushed(beside, bytes)
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
  flushFolder(path.dirname(file))
}

/** A file's bytes on disk; its name is there when its folder is flushed, too. */
export function writeFlushed(file: string, bytes: Uint8Array): void {
  const fd = openSync(file, 'w', 0o600)
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
    const owner = ownerAbove(file)
    if (owner !== null) fchownSync(fd, owner.uid, owner.gid)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** The names in a folder on disk. */
export function flushFolder(directory: string): void {
  const folder = openSync(directory, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** What lies in a folder, in order; nothing where there is no folder. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
