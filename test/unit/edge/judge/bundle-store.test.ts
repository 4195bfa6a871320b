import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { createBundleStore } from '../../../../edge/judge/bundle-store.ts'
import { tsxArgs } from '../../../../infra/node-child.ts'
import { makeBundle, newSigner } from '../../../helpers/bundles.ts'
import { effort } from '../../../helpers/effort.ts'

const signer = newSigner()
const place = { site: 'hamburg', assets: new Set(['pump-1', 'pump-2']), tags: new Set(['pump-1/temp', 'pump-1/flow', 'pump-2/temp', 'pump-2/flow']) }

function makeStore(t: TestContext) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-judge-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  const store = createBundleStore(directory)
  store.keys.trust(signer.publicKey)
  const files = () => readdirSync(path.join(directory, 'bundles')).sort()
  const inForce = (asset = 'pump-1') => createBundleStore(directory).load().byAsset.get(asset)?.manifest.issue.number
  return { directory, store, files, inForce, fileOf: (index: number) => path.join(directory, 'bundles', files()[index] as string) }
}

describe('the bundles of a gateway', () => {
  it('are in force once they are installed, over a restart, each for its machines', (t) => {
    const { store, inForce } = makeStore(t)
    assert.equal(inForce(), undefined)
    assert.equal(store.install(makeBundle(signer, { issue: 1, assets: ['pump-1', 'pump-2'] }), place).made, true)
    store.install(makeBundle(signer, { issue: 2 }), place)
    assert.deepEqual([inForce('pump-1'), inForce('pump-2')], [2, 1])
    assert.equal(store.install(makeBundle(signer, { issue: 2 }), place).made, false)
  })

  it('stay in force beside a file that cannot be read at all', (t) => {
    const { directory, store, inForce } = makeStore(t)
    store.install(makeBundle(signer, { issue: 1 }), place)
    mkdirSync(path.join(directory, 'bundles', '000000000009-unreadable.twb'))
    assert.equal(inForce(), 1)
    assert.match(store.load().problems[0] ?? '', /000000000009-unreadable\.twb in .* is not used: EISDIR/)
    store.install(makeBundle(signer, { issue: 2 }), place)
    assert.equal(inForce(), 2)
  })

  it('stay in force when another one is refused, whatever is wrong with it', (t) => {
    const { store, inForce, files } = makeStore(t)
    const second = makeBundle(signer, { issue: 2 })
    store.install(second, place)
    const before = files()
    const attempts: [Uint8Array, string][] = [
      [makeBundle(signer, { issue: 1 }), 'stale_state'], [makeBundle(newSigner(), { issue: 3 }), 'unauthenticated'], [second.subarray(0, 500), 'digest_mismatch'],
      [makeBundle(signer, { issue: 3, site: 'bremen' }), 'conflict'], [makeBundle(signer, { issue: 3, assets: ['pump-3'] }), 'conflict'],
    ]
    for (const [bytes, code] of attempts) assert.throws(() => store.install(bytes, place), { code })
    assert.deepEqual([inForce(), files()], [2, before])
  })

  it('keep the one before: damage to the newest on this disk puts that in force, and is told', (t) => {
    const { store, directory, inForce, files, fileOf } = makeStore(t)
    for (let issue = 1; issue <= 4; issue++) store.install(makeBundle(signer, { issue }), place)
    assert.equal(files().length, 2)
    truncateSync(fileOf(1), 600)
    assert.equal(inForce(), 3)
    const { problems } = createBundleStore(directory).load()
    assert.equal(problems.length, 1)
    assert.match(problems[0] ?? '', /000000000004.*is not used.*copy it/is)
    store.install(makeBundle(signer, { issue: 5 }), place)
    assert.equal(inForce(), 5)
  })

  it('judge no more by a key that is no longer trusted, and trust only public keys of Ed25519', (t) => {
    const { store, directory, inForce } = makeStore(t)
    store.install(makeBundle(signer), place)
    rmSync(path.join(directory, 'keys', `${signer.keyId}.pem`))
    assert.equal(inForce(), undefined)
    assert.deepEqual(store.keys.ids(), [])
    for (const pem of ['nothing', '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----']) assert.throws(() => store.keys.trust(pem), { code: 'invalid', message: /bundle-key/ })
    // A key that was put under another one's name.
    writeFileSync(path.join(directory, 'keys', `${signer.keyId}.pem`), newSigner().publicKey)
    assert.equal(inForce(), undefined)
  })

  it('are for their owner\'s eyes, and leave nothing half written', (t) => {
    const { store, directory, files, fileOf } = makeStore(t)
    mkdirSync(path.join(directory, 'bundles'), { recursive: true })
    const left = path.join(directory, 'bundles', '000000000009-ffff.twb.999999999.new')
    writeFileSync(left, 'half')
    store.install(makeBundle(signer), place)
    assert.equal(files().length, 1)
    assert.equal(statSync(fileOf(0)).mode & 0o777, 0o600)
    assert.deepEqual(new Uint8Array(readFileSync(fileOf(0))), makeBundle(signer))
  })

  it('are one or the other after a kill at any moment, and what was said to be in force is', { timeout: 120_000 }, async (t) => {
    const { directory, inForce } = makeStore(t)
    const shelf = path.join(directory, 'shelf')
    mkdirSync(shelf)
    let ready = 0
    const shelve = (through: number) => { while (ready < through) writeFileSync(path.join(shelf, `${++ready}.twb`), makeBundle(signer, { issue: ready })) }
    let told = 0
    for (let kill = 0; kill < effort(30); kill++) {
      shelve(told + 400)
      const child = fork(path.join(import.meta.dirname, '../../../helpers/install-child.ts'), [directory, shelf, String(told + 1)], { execArgv: tsxArgs(), silent: true })
      const exited = once(child, 'exit')
      let left = 2 + Math.floor(Math.random() * 12)
      await new Promise<void>((resolve) => {
        child.on('message', ({ installed }: { installed: number }) => {
          told = Math.max(told, installed)
          // Then at a moment of its own within what comes next.
          if (--left === 0) setTimeout(resolve, Math.random() * 4)
        })
        child.once('exit', () => { resolve() })
      })
      child.kill('SIGKILL')
      const [code, signal] = await exited as [number | null, NodeJS.Signals | null]
      assert.deepEqual([code, signal], [null, 'SIGKILL'])
      const now = inForce()
      assert.ok(now !== undefined && now >= told, `${now} is in force, ${told} was said to be`)
      assert.deepEqual(createBundleStore(directory).load().problems, [])
      told = now
    }
  })
})
