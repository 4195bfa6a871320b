import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { SignatureCheck } from '../../registry/domain/bundle/open.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { makeFolder, namesIn, putDurably } from '../put-durably.ts'

/** The platform's keys that somebody at this gateway said to trust. None to begin with: then no bundle is taken. */
export interface TrustedKeys {
  /** Trusts a public key (PEM); gives its id. Refuses (`invalid`) what is none of Ed25519. */
  trust(pem: string): string
  readonly ids: () => readonly string[]
  readonly check: SignatureCheck
}

export function createTrustedKeys(directory: string): TrustedKeys {
  const fileOf = (keyId: string) => path.join(directory, `${keyId}.pem`)

  function keyOf(keyId: string): KeyObject | null {
    try {
      const key = createPublicKey(readFileSync(fileOf(keyId)))
      return key.asymmetricKeyType === 'ed25519' && idOf(key) === keyId ? key : null
    } catch {
      // Not there, or no key.
      return null
    }
  }

  return {
    trust(pem) {
      const key = publicKeyOf(pem)
      const keyId = idOf(key)
      makeFolder(directory)
      putDurably(fileOf(keyId), Buffer.from(key.export({ type: 'spki', format: 'pem' })))
      return keyId
    },
    ids: () => namesIn(directory).flatMap((name) => /^([0-9a-f]{64})\.pem$/.exec(name)?.[1] ?? []),
    check(keyId, body, signature) {
      const key = keyOf(keyId)
      if (key === null) return 'unknown_key'
      return verify(null, body, key, signature) ? 'good' : 'bad'
    },
  }
}

const idOf = (key: KeyObject): string => createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('hex')

function publicKeyOf(pem: string): KeyObject {
  let key: KeyObject | undefined
  // Node makes a public key of a private one; what belongs on the platform alone is told, not taken.
  if (!pem.includes('PRIVATE KEY')) {
    try {
      key = createPublicKey(pem)
    } catch {
      // No PEM.
    }
  }
  if (key?.asymmetricKeyType === 'ed25519') return key
  return refuse('invalid', 'This is no public key of Ed25519 in PEM. "twinward bundle-key --out KEY.pem" on the platform writes the right one; a private key stays there.')
}
