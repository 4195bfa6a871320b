import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { isSameProcess, processIdentity } from '../setup/process-lock.mjs'

/** So many stay beside those in use: going back and forth between two versions makes nothing anew. */
const KEPT = 5

/**
 * The folder `base/digest`: as it is kept, or filled by `make(partial, folder)`. It is filled under another name and then
 * renamed, so that nobody sees half of it; of two that make it at once, one is taken by both.
 */
export async function keptFolder(base, digest, make) {
  const folder = path.join(base, digest)
  if (touch(folder)) return folder
  const partial = `${folder}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    mkdirSync(partial, { recursive: true })
    await make(partial, folder)
    renameSync(partial, folder)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    // Somebody else was quicker, which comes to the same.
    if (!touch(folder)) throw error
  }
  dropOld(base, folder)
  return folder
}

/** Keeps the folder as long as this process lives, however many others are made meanwhile. */
export function holdFolder(folder) {
  const holders = path.join(folder, 'holders')
  mkdirSync(holders, { recursive: true })
  writeFileSync(path.join(holders, String(process.pid)), processIdentity(process.pid)?.started ?? '')
  for (const pid of readdirSync(holders)) if (!holds(holders, pid)) rmSync(path.join(holders, pid), { force: true })
}

function holds(holders, pid) {
  try {
    return isSameProcess(Number(pid), readFileSync(path.join(holders, pid), 'utf8'))
  } catch {
    return false
  }
}

/** Marks it as used now. */
function touch(folder) {
  try {
    const now = new Date()
    utimesSync(folder, now, now)
    return true
  } catch {
    return false
  }
}

function dropOld(base, current) {
  const complete = []
  for (const name of readdirSync(base)) {
    const folder = path.join(base, name)
    const maker = /\.(\d+)\.[0-9a-f]+$/.exec(name)?.[1]
    if (maker === undefined) complete.push({ folder, usedMs: statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0 })
    else if (processIdentity(Number(maker)) === undefined) rmSync(folder, { recursive: true, force: true })
  }
  const old = complete.filter(({ folder }) => folder !== current).sort((a, b) => b.usedMs - a.usedMs).slice(KEPT - 1)
  for (const { folder } of old) if (!isHeld(folder)) rmSync(folder, { recursive: true, force: true })
}

function isHeld(folder) {
  const holders = path.join(folder, 'holders')
  try {
    return readdirSync(holders).some((pid) => holds(holders, pid))
  } catch {
    return false
  }
}
