import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { randomBytes } from 'node:crypto'

/**
 * What tells a process from a later one with the same number: when it started, and its command line.
 * Undefined when no such process runs.
 */
export function processIdentity(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      // The name in parentheses may hold spaces, so fields are counted from the last parenthesis; 22 is the start time.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      // A zombie has ended: it holds nothing any more and only waits for its parent to notice.
      if (fields[0] === 'Z' || fields[0] === 'X') return undefined
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      return { started: fields[19], command }
    } catch {
      return undefined
    }
  }
  try {
    const line = execFileSync('ps', ['-o', 'lstart=,command=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    // lstart is always 24 characters: "Thu Jan  1 00:00:00 1970".
    return line ? { started: line.slice(0, 24), command: line.slice(24).trim() } : undefined
  } catch {
    return undefined
  }
}

/** Whether process `pid` runs and is the one that started at `started`. */
export function isSameProcess(pid, started) {
  return started !== undefined && processIdentity(pid)?.started === started
}

/**
 * Tries to take the lock once. A lock is a folder that names its owner; it is made aside and renamed into place, so
 * that it is never seen half made. One whose owner has ended is stale and is taken over.
 * @returns `{ release }` when taken, else `{ owner }`: the process number of who holds it
 */
export function tryLock(dir) {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const own = `${dir}.${process.pid}.${randomBytes(4).toString('hex')}`
    mkdirSync(own, { recursive: true })
    const token = randomBytes(8).toString('hex')
    writeFileSync(path.join(own, 'owner.json'), JSON.stringify({
      pid: process.pid, started: processIdentity(process.pid)?.started, token,
    }))
    try {
      // Renaming a folder onto one that holds a file fails everywhere: that is the test-and-set.
      renameSync(own, dir)
      return {
        release() {
          if (readOwner(dir)?.token === token) rmSync(dir, { recursive: true, force: true })
        },
      }
    } catch {
      rmSync(own, { recursive: true, force: true })
    }
    const owner = readOwner(dir)
    if (owner && isSameProcess(owner.pid, owner.started)) return { owner: owner.pid }
    // Moved aside first: two that find the same stale lock must not both delete, or the slower would delete the faster's.
    const stale = `${dir}.stale.${randomBytes(4).toString('hex')}`
    try {
      renameSync(dir, stale)
      const moved = readOwner(stale)
      if (moved && moved.token !== owner?.token) renameSync(stale, dir)
      else rmSync(stale, { recursive: true, force: true })
    } catch {
      // Someone else was quicker: look again.
    }
  }
  return { owner: readOwner(dir)?.pid }
}

/** Waits until the lock is free and takes it; `onWait(pid)` is called once when somebody else holds it. */
export async function waitForLock(dir, onWait = () => {}) {
  let told = false
  for (;;) {
    const lock = tryLock(dir)
    if (lock.release) return lock
    if (!told) onWait(lock.owner)
    told = true
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

function readOwner(dir) {
  try {
    return JSON.parse(readFileSync(path.join(dir, 'owner.json'), 'utf8'))
  } catch {
    return undefined
  }
}
