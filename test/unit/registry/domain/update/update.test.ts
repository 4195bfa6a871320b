import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../../../../../registry/domain/canonical.ts'
import { admitUpdate, canFollow } from '../../../../../registry/domain/update/admit.ts'
import { updateManifestSchema, type UpdateManifest } from '../../../../../registry/domain/update/manifest.ts'
import { openUpdate, sealUpdate } from '../../../../../registry/domain/update/open.ts'
import { compareVersions, VERSION_PATTERN } from '../../../../../registry/domain/update/version.ts'
import { bundleBody, withSignature } from '../../../../../registry/domain/bundle/envelope.ts'
import { newSigner } from '../../../../helpers/bundles.ts'

const signer = newSigner()
const payload = new TextEncoder().encode('as if compressed')
const manifest: UpdateManifest = updateManifestSchema.parse({
  version: '1.2.0', platform: 'linux', arch: 'x64', node: { from: '20.19.0', below: null }, buffer: { format: 2, readableBy: 2 },
  issue: { number: 7, atUs: 1_772_366_400_000_000, by: 'mia' }, payload: { digest: 'a'.repeat(64), bytes: payload.length },
  files: [{ path: 'twinward-edge.mjs', bytes: 3, digest: 'b'.repeat(64) }],
})
const machine = { platform: 'linux', arch: 'x64', node: '20.19.5' }
const inForce = { version: '1.1.0', issue: 5, buffer: { format: 2, readableBy: 2 } }
const update = (of = manifest, by = signer) => new Uint8Array([...sealUpdate(by, of), ...payload])
const trusting = (keyId: string, body: Uint8Array, signature: Uint8Array) =>
  keyId !== signer.keyId ? 'unknown_key' as const : Buffer.compare(signature, signer.sign(body)) === 0 ? 'good' as const : 'bad' as const
const refused = (fault: string, call: () => unknown, cure?: RegExp) => {
  assert.throws(call, (error: Error & { details: { fault?: string } }) => {
    assert.equal(error.details.fault, fault, error.message)
    if (cure) assert.match(error.message, cure)
    return true
  })
}

describe('an update', () => {
  it('says what was sealed, and which one it is, files and all', () => {
    const opened = openUpdate(update(), trusting)
    assert.deepEqual([opened.manifest, opened.keyId, [...opened.payload]], [manifest, signer.keyId, [...payload]])
    assert.notEqual(openUpdate(update({ ...manifest, issue: { ...manifest.issue, number: 8 } }), trusting).digest, opened.digest)
  })

  it('is refused with its cure: none, unsigned, by another key, cut short, a bundle posing as one', () => {
    const whole = update()
    refused('not_a_bundle', () => openUpdate(new TextEncoder().encode('PK a zip file'), trusting), /This file is no update.*edge package/)
    refused('not_a_bundle', () => openUpdate(new Uint8Array(), trusting))
    refused('unknown_key', () => openUpdate(update(manifest, newSigner()), trusting), /--trust/)
    const nobody = whole.slice()
    nobody.fill(0, 8, 40)
    refused('unsigned', () => openUpdate(nobody, trusting), /bears no signature/)
    for (const length of [10, 47, 100, whole.length - payload.length, whole.length - 1]) refused('truncated', () => openUpdate(whole.subarray(0, length), trusting), /again/)
    refused('truncated', () => openUpdate(new Uint8Array([...whole, 1]), trusting))
    refused('format', () => openUpdate(whole.with(7, 0x39), trusting))
    const posing = bundleBody(signer.keyId, new TextEncoder().encode(canonicalJson(manifest)), new Uint8Array())
    refused('not_a_bundle', () => openUpdate(withSignature(posing, signer.sign(posing)), trusting))
  })

  it('changed in any byte of its signed part, it is refused', () => {
    const whole = update()
    fc.assert(fc.property(fc.nat(whole.length - payload.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      assert.throws(() => openUpdate(whole.with(at, (whole[at] as number) ^ by), trusting), { name: 'DomainError' })
    }))
  })

  it('reaches no file beyond its folder, and none twice', () => {
    for (const path of ['../x', '/etc/passwd', 'a/../../x', 'a//b', '.', 'a/./b', 'a\\..\\b', 'a b', '']) {
      assert.equal(updateManifestSchema.safeParse({ ...manifest, files: [...manifest.files, { path, bytes: 1, digest: 'c'.repeat(64) }] }).success, false, path)
    }
    assert.equal(updateManifestSchema.safeParse({ ...manifest, files: [...manifest.files, ...manifest.files] }).success, false)
    assert.equal(updateManifestSchema.safeParse({ ...manifest, files: [{ path: 'a.mjs', bytes: 1, digest: 'c'.repeat(64) }] }).success, false)
    assert.equal(updateManifestSchema.safeParse({ ...manifest, files: [...manifest.files, { path: 'node_modules/@lmdb/lmdb-linux-x64/node.napi.glibc.node', bytes: 1, digest: 'c'.repeat(64) }] }).success, true)
  })

  it('may follow what is in force, or is refused with its cure', () => {
    admitUpdate(manifest, machine, inForce)
    refused('wrong_platform', () => { admitUpdate(manifest, { ...machine, arch: 'arm64' }, inForce) }, /linux\/x64.*linux\/arm64/)
    refused('wrong_node', () => { admitUpdate({ ...manifest, node: { from: '22.0.0', below: null } }, machine, inForce) }, /Install another Node/)
    refused('wrong_node', () => { admitUpdate({ ...manifest, node: { from: '18.0.0', below: '20.0.0' } }, machine, inForce) })
    refused('older', () => { admitUpdate(manifest, machine, { ...inForce, version: '1.3.0' }) }, /--allow-older/)
    refused('older', () => { admitUpdate(manifest, machine, { ...inForce, version: '1.2.0', issue: 8 }) })
    admitUpdate(manifest, machine, { ...inForce, version: '1.2.0', issue: 7 })
    admitUpdate(manifest, machine, { ...inForce, version: '1.3.0' }, { allowOlder: true })
    const newer = { ...inForce, version: '1.3.0', buffer: { format: 3, readableBy: 3 } }
    refused('older', () => { admitUpdate(manifest, machine, newer, { allowOlder: true }) }, /buffer/)
    admitUpdate(manifest, machine, { ...newer, buffer: { format: 3, readableBy: 2 } }, { allowOlder: true })
    const breaking = { ...manifest, buffer: { format: 3, readableBy: 3 } }
    refused('no_way_back', () => { admitUpdate(breaking, machine, inForce) }, /--allow-no-way-back/)
    admitUpdate(breaking, machine, inForce, { allowNoWayBack: true })
    assert.deepEqual([canFollow({ format: 2, readableBy: 2 }, { format: 3, readableBy: 2 }), canFollow({ format: 2, readableBy: 1 }, { format: 3, readableBy: 3 })], [true, false])
  })
})

describe('versions', () => {
  it('are ordered as semver.org, clause 11, says', () => {
    const ascending = ['unbundled', '0.9.9', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.0.1', '1.2.0', '1.10.0', '2.0.0']
    for (const [i, a] of ascending.entries()) for (const [j, b] of ascending.entries()) assert.equal(Math.sign(compareVersions(a, b)), Math.sign(i - j), `${a} ${b}`)
    assert.equal(compareVersions('1.0.0+a', '1.0.0+b'), 0)
  })

  it('form a total order', () => {
    const version = fc.stringMatching(VERSION_PATTERN)
    fc.assert(fc.property(version, version, version, (a, b, c) => {
      assert.ok(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a)) === 0)
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0)
    }))
  })
})
