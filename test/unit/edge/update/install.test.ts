import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { createTrustedKeys } from '../../../../edge/judge/trusted-keys.ts'
import { openPrograms } from '../../../../edge/launch/programs.ts'
import { confirmed, takeWish } from '../../../../edge/launch/state.ts'
import { installUpdate, programInForce } from '../../../../edge/update/install.ts'
import { newSigner } from '../../../helpers/bundles.ts'
import { packProgram, signUpdate } from '../../../helpers/updates.ts'

const signer = newSigner()
const installed = { version: '1.0.0', issue: null, buffer: { format: 2, readableBy: 2 } }

function box(t: TestContext) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-install-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  const programs = openPrograms(path.join(directory, 'versions'))
  const keys = createTrustedKeys(path.join(directory, 'keys'))
  keys.trust(signer.publicKey)
  const machine = { platform: process.platform, arch: process.arch, node: process.versions.node }
  const pack = (version: string, source = `console.log('${version}')`) => packProgram(path.join(directory, 'packed', version), version, source)
  return {
    directory, programs, pack,
    install: (bytes: Uint8Array, freeBytes?: () => number) => installUpdate(bytes, { programs, check: keys.check, machine, installed, ...(freeBytes && { freeBytes }) }),
    /** As the launcher does when it is well. */
    putInForce: () => { programs.keepState(confirmed(takeWish(programs.state(), programs.wish()), 0)) },
    names: () => readdirSync(programs.folder).filter((name) => !name.endsWith('.json')).sort(),
  }
}

describe('installing an update', () => {
  it('puts its files beside, for their owner\'s eyes, and wishes for it; twice changes nothing', (t) => {
    const { programs, pack, install, putInForce } = box(t)
    const update = signUpdate(signer, pack('1.1.0'))
    const { name, made } = install(update)
    assert.deepEqual([made, programs.isSound(name), programs.wish()?.name, programs.wish()?.wayBack], [true, true, name, true])
    assert.equal(readFileSync(path.join(programs.folderOf(name), 'twinward-edge.mjs'), 'utf8'), "console.log('1.1.0')")
    assert.equal(statSync(path.join(programs.folderOf(name), 'chunks', 'text.txt')).mode & 0o777, 0o600)
    assert.equal(programInForce(programs, installed).version, '1.0.0')
    putInForce()
    assert.deepEqual(programInForce(programs, installed), { version: '1.1.0', issue: 1, buffer: { format: 2, readableBy: 2 } })
    assert.equal(install(update).made, false)
  })

  it('refused, whatever is wrong with it, leaves everything as it was', (t) => {
    const { pack, install, putInForce, names, programs } = box(t)
    install(signUpdate(signer, pack('1.1.0'), 5))
    putInForce()
    const before = [names(), programs.wish()]
    const next = signUpdate(signer, pack('1.2.0'), 6)
    const flipped = Buffer.from(next)
    flipped[flipped.length - 30]! ^= 1
    const attempts: [string, Uint8Array, string][] = [
      ['unsigned key', signUpdate(newSigner(), pack('1.2.0')), 'unknown_key'], ['truncated', next.subarray(0, next.length - 5), 'truncated'], ['changed', flipped, 'changed'],
      ['older', signUpdate(signer, pack('1.0.9')), 'older'], ['earlier issue', signUpdate(signer, pack('1.1.0'), 4), 'older'],
      ['another platform', signUpdate(signer, pack('1.2.0'), 6, (manifest) => ({ ...manifest, platform: 'sunos' })), 'wrong_platform'],
      ['another Node', signUpdate(signer, pack('1.2.0'), 6, (manifest) => ({ ...manifest, node: { from: '99.0.0', below: null } })), 'wrong_node'],
      ['a file that is not the one named', signUpdate(signer, pack('1.2.0'), 6, (manifest) => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, digest: '0'.repeat(64) })) })), 'changed'],
      ['more in it than it says', signUpdate(signer, pack('1.2.0'), 6, (manifest) => ({ ...manifest, files: manifest.files.map((file) => ({ ...file, bytes: 1 })) })), 'changed'],
    ]
    for (const [what, bytes, fault] of attempts) assert.throws(() => install(bytes), (error: Error & { details: { fault: string } }) => error.details.fault === fault, what)
    assert.throws(() => install(next, () => 1_000_000), { code: 'unavailable', message: /Make room/ })
    assert.deepEqual([names(), programs.wish()], before)
    assert.equal(install(next).made, true)
  })

  it('keeps what is in force and the one before, and clears what nothing leads back to', (t) => {
    const { pack, install, putInForce, names, programs } = box(t)
    mkdirSync(path.join(programs.folder, '1.0.5-00000000.999999999.new'), { recursive: true })
    for (const version of ['1.1.0', '1.2.0', '1.3.0', '1.4.0']) {
      install(signUpdate(signer, pack(version)))
      putInForce()
    }
    assert.deepEqual(names().map((name) => name.slice(0, 5)), ['1.2.0', '1.3.0', '1.4.0'])
  })

  it('mends a program that is damaged on this disk, and takes one whose signed manifest is for none', (t) => {
    const { pack, install, putInForce, programs } = box(t)
    const update = signUpdate(signer, pack('1.1.0'))
    const { name } = install(update)
    putInForce()
    writeFileSync(path.join(programs.folderOf(name), 'twinward-edge.mjs'), 'worn flash')
    assert.equal(programs.isSound(name), false)
    assert.equal(install(update).made, true)
    assert.equal(programs.isSound(name), true)
    writeFileSync(path.join(programs.folderOf(name), 'update.signed'), 'worn flash')
    assert.equal(programs.isSound(name), false)
    assert.equal(programInForce(programs, installed).version, '1.0.0')
  })

  it('a state that cannot be read leads to the program that was installed', (t) => {
    const { pack, install, putInForce, programs } = box(t)
    install(signUpdate(signer, pack('1.1.0')))
    putInForce()
    for (const text of ['', '{', 'null', '7']) {
      writeFileSync(path.join(programs.folder, 'state.json'), text)
      assert.equal(programs.state().inForce, 'installed')
    }
  })
})
