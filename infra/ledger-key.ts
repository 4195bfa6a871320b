import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createCheckpointSigner, type CheckpointSigner } from '../registry/artifacts/checkpoint.ts'
import { writePrivate } from './private-file.ts'

/**
 * Signs the checkpoints of the ledger; kept in the data folder, made at the first start. One that is put in its place
 * (Ed25519, PKCS #8, PEM) signs from then on; what the former signed stays verifiable, by the public key kept beside it.
 */
export function ledgerSigner(dataDir: string): CheckpointSigner {
  const file = path.join(dataDir, 'ledger-key.pem')
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    writePrivate(file, pem)
  }
  try {
    return createCheckpointSigner(pem)
  } catch (cause) {
    throw new Error(`${file} is no Ed25519 key in PEM. Restore it from a backup; or remove it, and a new one is made.`, { cause })
  }
}
