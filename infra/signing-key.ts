import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createEd25519Signer, type Ed25519Signer } from '../registry/artifacts/ed25519.ts'
import { writeOnce } from './private-file.ts'

/**
 * The PEM of a signing key in the data folder, made at the first start. One that is put in its place (Ed25519, PKCS #8,
 * PEM) signs from then on. `read` makes the signer of it; what it throws says that the file holds no such key.
 */
export function signingKey<T>(dataDir: string, name: string, read: (pem: string) => T): T {
  const file = path.join(dataDir, name)
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    writeOnce(file, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    // Of two processes that start at once one has made it; both go by that.
    pem = readFileSync(file, 'utf8')
  }
  try {
    return read(pem)
  } catch (cause) {
    throw new Error(`${file} is no Ed25519 key in PEM. Restore it from a backup; or remove it, and a new one is made.`, { cause })
  }
}

/** Signs the bundles that gateways judge by. Its own key: gateways trust it, and no one who may seal the ledger needs it, nor the other way round. */
export const bundleSigner = (dataDir: string): Ed25519Signer => signingKey(dataDir, 'bundle-key.pem', createEd25519Signer)
