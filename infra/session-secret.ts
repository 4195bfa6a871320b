import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { writePrivate } from './private-file.ts'

/** Signs the console's sessions; kept, so that a restart signs nobody out. Deleting the file signs everybody out. */
export function sessionSecret(dataDir: string): Uint8Array {
  const file = path.join(dataDir, 'session-secret')
  try {
    const secret = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex')
    if (secret.length >= 32) return secret
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secret = randomBytes(32)
  writePrivate(file, `${secret.toString('hex')}\n`)
  return secret
}
