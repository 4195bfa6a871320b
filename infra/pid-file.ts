import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { processIdentity } from './setup/process-lock.mjs'

interface Remembered {
  pid: number
  started: string
  /** The program's file name, to be found again in its command line. */
  program: string
}

/** Notes a process, so that the next run finds it should this one be killed. */
export function rememberProcess(file: string, pid: number, command: string): void {
  const started = processIdentity(pid)?.started
  if (started === undefined) return
  mkdirSync(path.dirname(file), { recursive: true })
  const entry: Remembered = { pid, started, program: path.basename(command) }
  writeFileSync(file, JSON.stringify(entry), { mode: 0o600 })
}

export function forgetProcess(file: string): void {
  rmSync(file, { force: true })
}

/** The process that the file names, if it still runs and is the very one, not a later one with the same number. */
export function findRemembered(file: string): number | undefined {
  let entry: Remembered
  try {
    entry = JSON.parse(readFileSync(file, 'utf8')) as Remembered
  } catch {
    return undefined
  }
  const now = processIdentity(entry.pid)
  return now?.started === entry.started && now.command.includes(entry.program) ? entry.pid : undefined
}

/**
 * Stops a process that a former run left behind: asks first, then makes it.
 * @returns whether there was one
 */
export async function stopRemembered(file: string, signal: NodeJS.Signals = 'SIGTERM', graceMs = 5_000): Promise<boolean> {
  const pid = findRemembered(file)
  if (pid === undefined) {
    forgetProcess(file)
    return false
  }
  process.kill(pid, signal)
  const deadline = Date.now() + graceMs
  while (findRemembered(file) !== undefined) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  forgetProcess(file)
  return true
}
