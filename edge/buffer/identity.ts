import { createHash } from 'node:crypto'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import os from 'node:os'

/**
 * Says which file on which machine this is. A buffer copied to another box, or put back from a backup as a new file,
 * shows another fingerprint than the one it noted, and so begins another epoch instead of reusing sequence numbers.
 * What it cannot see is a whole machine set back to a snapshot: file and machine are then the same ones.
 */
export function bufferFingerprint(file: string): string {
  const { dev, ino } = statSync(file, { bigint: true })
  return createHash('sha256').update([machineId(), realpathSync(file), String(dev), String(ino)].join('\n')).digest('hex')
}

function machineId(): string {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      const id = readFileSync(file, 'utf8').trim()
      if (id) return id
    } catch {
      // Not every system has one; the host name is the next best.
    }
  }
  return os.hostname()
}
