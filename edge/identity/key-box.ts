import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import { z } from 'zod'
import { refuse } from '../../registry/domain/errors.ts'

/** A private key as it lies on the disk: as it is, or closed with a passphrase (scrypt, RFC 7914; AES-256-GCM). */
export const keptKeySchema = z.union([
  z.strictObject({ pem: z.string() }),
  z.strictObject({ scrypt: z.strictObject({ n: z.int(), r: z.int(), p: z.int(), salt: z.base64() }), iv: z.base64(), tag: z.base64(), sealed: z.base64() }),
])
export type KeptKey = z.infer<typeof keptKeySchema>

/** 32 MiB and a tenth of a second for each guess. */
const COST = { n: 32_768, r: 8, p: 1 }

export function closeKey(pem: string, passphrase: string | null): KeptKey {
  if (passphrase === null) return { pem }
  const salt = randomBytes(16)
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', derive(passphrase, salt, COST), iv)
  const sealed = Buffer.concat([cipher.update(pem, 'utf8'), cipher.final()])
  return { scrypt: { ...COST, salt: salt.toString('base64') }, iv: iv.toString('base64'), tag: cipher.getAuthTag().toString('base64'), sealed: sealed.toString('base64') }
}

/** Refuses (`not_found`) where a passphrase is needed and none given, (`unauthenticated`) where it is another. */
export function openKey(kept: KeptKey, passphrase: string | null): string {
  if ('pem' in kept) return kept.pem
  if (passphrase === null) return refuse('not_found', 'This gateway\'s key is kept under a passphrase, and none is given: say where it is in the site file, platform: { identity: { passphrase: { file: … } } }.')
  const { scrypt, iv, tag, sealed } = kept
  try {
    const decipher = createDecipheriv('aes-256-gcm', derive(passphrase, Buffer.from(scrypt.salt, 'base64'), scrypt), Buffer.from(iv, 'base64'), { authTagLength: 16 })
    decipher.setAuthTag(Buffer.from(tag, 'base64'))
    return Buffer.concat([decipher.update(Buffer.from(sealed, 'base64')), decipher.final()]).toString('utf8')
  } catch {
    return refuse('unauthenticated', 'The passphrase does not open this gateway\'s key. Give the one it was enrolled with, or enrol the gateway again.')
  }
}

function derive(passphrase: string, salt: Uint8Array, { n, r, p }: { n: number; r: number; p: number }): Buffer {
  return scryptSync(passphrase, salt, 32, { N: n, r, p, maxmem: 256 * n * r })
}
