import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson } from '../domain/canonical.ts'
import { DomainError, refuse } from '../domain/errors.ts'
import type { LedgerSeal } from '../domain/ledger/chain.ts'
import { createEd25519Signer, keyIdOf } from './ed25519.ts'
import type { ObjectStore } from './object-store.ts'

const checkpointSchema = z.object({
  site: z.string(), sequence: z.int(), entryId: z.string(), previousHash: z.string(), hash: z.string(),
  /** Absent: made before checkpoints were signed. */
  signature: z.object({ key: z.string(), value: z.string() }).optional(),
})

/** The seal of one ledger entry as an object under object lock: what the database cannot take back. */
export type Checkpoint = z.infer<typeof checkpointSchema>

/** Signs checkpoints with Ed25519 (RFC 8032). */
export interface CheckpointSigner {
  /** SHA-256 over the public key (SPKI, DER), hex. */
  readonly keyId: string
  /** PEM. */
  readonly publicKey: string
  /** Base64. */
  sign(text: string): string
}

/** @param privateKey PEM (PKCS #8) of an Ed25519 key */
export function createCheckpointSigner(privateKey: string): CheckpointSigner {
  const signer = createEd25519Signer(privateKey)
  return { keyId: signer.keyId, publicKey: signer.publicKey, sign: (text) => Buffer.from(signer.sign(Buffer.from(text))).toString('base64') }
}

const checkpointKey = (site: string, sequence: number): string => `${site}/${String(sequence).padStart(12, '0')}.json`
/** No site is called so: an id begins with a letter, a digit or `_`. */
const publicKeyKey = (keyId: string): string => `.keys/${keyId}.pem`
const signedText = ({ site, sequence, entryId, previousHash, hash }: Checkpoint): string => canonicalJson({ site, sequence, entryId, previousHash, hash })

/**
 * Makes the checkpoint of a seal, once: one that is there stays, unless it is unsigned and can be signed now. Refuses
 * (`digest_mismatch`) to replace one that was made of another entry.
 */
export async function putCheckpoint(objects: ObjectStore, signer: CheckpointSigner | null, site: string, seal: LedgerSeal): Promise<void> {
  const existing = await readCheckpoint(objects, site, seal.sequence)
  if (existing !== null && existing.hash !== seal.hash) refuseAnother(site, seal.sequence)
  if (existing !== null && (existing.signature !== undefined || signer === null)) return
  const checkpoint: Checkpoint = { site, sequence: seal.sequence, entryId: seal.entryId, previousHash: seal.previousHash, hash: seal.hash }
  const signed = signer === null ? checkpoint : { ...checkpoint, signature: { key: signer.keyId, value: signer.sign(signedText(checkpoint)) } }
  await objects.put('ledger', checkpointKey(site, seal.sequence), new TextEncoder().encode(JSON.stringify(signed)), 'application/json')
}

export function refuseAnother(site: string, sequence: number): never {
  refuse('digest_mismatch', `The checkpoint of entry ${sequence} of ${site} was made of another entry than the one in the database, so nothing is sealed behind it: \`ledger verify\` names the first that differs; compare with a backup.`, { site, sequence })
}

export const hasCheckpoint = (objects: ObjectStore, site: string, sequence: number): Promise<boolean> => objects.exists('ledger', checkpointKey(site, sequence))

/** Null: there is none. Refuses (`digest_mismatch`) what is none. */
export async function readCheckpoint(objects: ObjectStore, site: string, sequence: number): Promise<Checkpoint | null> {
  const bytes = await getIfThere(objects, checkpointKey(site, sequence))
  if (bytes === null) return null
  try {
    return checkpointSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
  } catch {
    refuse('digest_mismatch', `the checkpoint of entry ${sequence} of ${site} cannot be read; object lock keeps its first version: restore that one`, { site, sequence })
  }
}

/** Keeps the public key beside the checkpoints, so that they can be verified by whoever has the bucket. */
export async function publishKey(objects: ObjectStore, signer: CheckpointSigner): Promise<void> {
  const key = publicKeyKey(signer.keyId)
  if (!await objects.exists('ledger', key)) await objects.put('ledger', key, Buffer.from(signer.publicKey), 'application/x-pem-file')
}

/** Gives a published key by its id; null: there is none, or what lies there is not the key of that name. */
export type KeyReader = (keyId: string) => Promise<KeyObject | null>

/** Reads each key once. */
export function createKeyReader(objects: ObjectStore): KeyReader {
  const known = new Map<string, Promise<KeyObject | null>>()
  const read = async (keyId: string): Promise<KeyObject | null> => {
    const bytes = await getIfThere(objects, publicKeyKey(keyId))
    if (bytes === null) return null
    try {
      const key = createPublicKey(Buffer.from(bytes))
      return keyIdOf(key) === keyId ? key : null
    } catch {
      // No key, by its form.
      return null
    }
  }
  return (keyId) => {
    const found = known.get(keyId) ?? read(keyId)
    known.set(keyId, found)
    return found
  }
}

/** Whether the checkpoint bears the signature of the key it names. True of one that was never signed. */
export async function signatureHolds(keyOf: KeyReader, checkpoint: Checkpoint): Promise<boolean> {
  const { signature } = checkpoint
  if (signature === undefined) return true
  const key = await keyOf(signature.key)
  try {
    return key !== null && verify(null, Buffer.from(signedText(checkpoint)), key, Buffer.from(signature.value, 'base64'))
  } catch {
    // A key of another kind.
    return false
  }
}

async function getIfThere(objects: ObjectStore, key: string): Promise<Uint8Array | null> {
  try {
    return await objects.get('ledger', key)
  } catch (error) {
    if (error instanceof DomainError && error.code === 'not_found') return null
    throw error
  }
}
