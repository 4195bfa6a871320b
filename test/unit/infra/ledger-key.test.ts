import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { ledgerSigner } from '../../../infra/ledger-key.ts'
import { bundleSigner } from '../../../infra/signing-key.ts'

function folder(t: TestContext): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-ledger-key-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  return directory
}

test('is made once, for its owner alone, and is the same after a restart', (t) => {
  const directory = folder(t)
  const first = ledgerSigner(directory)
  const { keyId, publicKey } = first
  assert.match(keyId, /^[0-9a-f]{64}$/)
  assert.match(publicKey, /^-----BEGIN PUBLIC KEY-----/)
  assert.equal(statSync(path.join(directory, 'ledger-key.pem')).mode & 0o777, 0o600)
  const again = ledgerSigner(directory)
  assert.deepEqual([again.keyId, again.sign('text')], [keyId, first.sign('text')])
})

test('another kind of key, or none, is refused with the way out', (t) => {
  const directory = folder(t)
  for (const pem of ['nonsense', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()]) {
    writeFileSync(path.join(directory, 'ledger-key.pem'), pem)
    assert.throws(() => ledgerSigner(directory), /ledger-key\.pem is no Ed25519 key in PEM\. Restore it from a backup; or remove it/)
  }
})

test('the key that gateways trust is another one', (t) => {
  const directory = folder(t)
  assert.notEqual(bundleSigner(directory).keyId, ledgerSigner(directory).keyId)
  assert.equal(bundleSigner(directory).keyId, bundleSigner(directory).keyId)
  assert.equal(statSync(path.join(directory, 'bundle-key.pem')).mode & 0o777, 0o600)
})
