import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'

/** An Ed25519 key (RFC 8032) that signs. */
export interface Ed25519Signer {
  /** SHA-256 over the public key (SPKI, DER), hex. */
  readonly keyId: string
  /** PEM. */
  readonly publicKey: string
  sign(bytes: Uint8Array): Uint8Array
}

/** @param privateKey PEM (PKCS #8) of an Ed25519 key */
export function createEd25519Signer(privateKey: string): Ed25519Signer {
  const key = createPrivateKey(privateKey)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`a signing key is an Ed25519 key, not ${key.asymmetricKeyType ?? 'a secret'}`)
  const publicKey = createPublicKey(key)
  return {
    keyId: keyIdOf(publicKey), publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (bytes) => sign(null, bytes, key),
  }
}

export const keyIdOf = (publicKey: KeyObject): string => createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('hex')
