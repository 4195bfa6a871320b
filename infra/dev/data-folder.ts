import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { readJson } from '../private-file.ts'
import { tryLock } from '../setup/process-lock.mjs'
import { statusFile, type PlatformStatus } from '../status-file.ts'

/** Makes the data folder this process's own; gives what frees it. */
export interface DataFolderLock { readonly release: () => void }

/**
 * Takes the data folder, making it where it is not there yet.
 * @throws Error when a running platform has it, with that one's address and process
 */
export function lockDataFolder(dataDir: string): DataFolderLock {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const lock = tryLock(path.join(dataDir, 'lock'))
  if (lock.release) return { release: lock.release }
  throw new Error(alreadyRunning(dataDir, lock.owner))
}

function alreadyRunning(dataDir: string, pid: number | undefined): string {
  const status = readJson(statusFile(dataDir)) as PlatformStatus | undefined
  // A report by another process is of an earlier run; the owner writes its own once its servers are up.
  const where = pid !== undefined && status?.pid === pid ? `at ${status.url}` : 'still starting or stopping'
  return `Twinward is already running, ${where}, pid ${pid ?? 'unknown'}, on the data folder ${dataDir}. `
    + `Use that one; or stop it${pid === undefined ? '' : ` (kill ${pid})`}; or set TWINWARD_DATA_DIR and TWINWARD_PORT for a second one.`
}
