import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { test } from 'node:test'
import { DomainError } from '../../../../../registry/domain/errors.ts'
import { sha256Hex } from '../../../../../registry/domain/canonical.ts'
import { openSiteFile, sealSiteFile } from '../../../../../registry/domain/configure/signed-site-file.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const signer = { keyId: 'a'.repeat(64), sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, privateKey)) }
const check = (keyId: string, body: Uint8Array, signature: Uint8Array) => (keyId !== signer.keyId ? 'unknown_key' as const : verify(null, body, publicKey, signature) ? 'good' as const : 'bad' as const)
const manifest = { site: 'hamburg', gateway: 'gw-1', replaces: 'b'.repeat(64), issue: { number: 7, atUs: 1_772_366_400_000_000, by: 'ines' } }
const faultOf = (bytes: Uint8Array, by: typeof check = check): unknown => {
  try {
    openSiteFile(bytes, by)
    return 'taken'
  } catch (error) {
    assert.ok(error instanceof DomainError)
    return error.details['fault']
  }
}

test('a signed site file opens to its text and what it is for', () => {
  const text = 'version: 1\n# Größe µ\n'
  const opened = openSiteFile(sealSiteFile(signer, manifest, text), check)
  assert.deepEqual(opened, { text, manifest: { ...manifest, digest: sha256Hex(text) } })
})

test('whatever byte of it is changed, wherever it ends, by whichever key: it is refused with a fault', () => {
  const good = sealSiteFile(signer, manifest, 'version: 1\n')
  for (let at = 0; at < good.length; at++) {
    const changed = good.slice()
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.notEqual(faultOf(changed), 'taken', `byte ${at}`)
    assert.notEqual(faultOf(good.subarray(0, at)), 'taken', `cut at ${at}`)
  }
  assert.equal(faultOf(good, () => 'unknown_key'), 'unknown_key')
  assert.equal(faultOf(good.subarray(0, good.length - 64)), 'unsigned')
  assert.equal(faultOf(new TextEncoder().encode('version: 1\n')), 'not_a_bundle')
})
