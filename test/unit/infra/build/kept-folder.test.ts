import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { holdFolder, keptFolder } from '../../../../infra/build/kept-folder.mjs'

function createBase(t: TestContext): string {
  const base = mkdtempSync(path.join(tmpdir(), 'twinward-kept-'))
  t.after(() => { rmSync(base, { recursive: true, force: true }) })
  return base
}

const fill = (text: string) => async (partial: string) => { writeFileSync(path.join(partial, 'file'), text) }

/** Makes it, as if its last use were so many minutes ago. */
async function keepFrom(base: string, digest: string, minutesAgo: number) {
  const folder = await keptFolder(base, digest, fill(digest))
  const at = new Date(Date.now() - minutesAgo * 60_000)
  utimesSync(folder, at, at)
  return folder
}

describe('a kept folder', () => {
  it('is made once, and is there under its name only when it is whole', async (t) => {
    const base = createBase(t)
    const folder = await keptFolder(base, 'a', async (partial, final) => {
      assert.equal(existsSync(final), false)
      await fill('first')(partial)
    })
    assert.equal(await keptFolder(base, 'a', () => assert.fail('it is there')), folder)
    assert.equal(readFileSync(path.join(folder, 'file'), 'utf8'), 'first')
  })

  it('leaves nothing behind when making it fails', async (t) => {
    const base = createBase(t)
    await assert.rejects(keptFolder(base, 'a', async (partial) => {
      await fill('half')(partial)
      throw new Error('no more')
    }), /no more/)
    assert.deepEqual(readdirSync(base), [])
  })

  it('stays while it is used: of the others the five used last are kept', async (t) => {
    const base = createBase(t)
    for (const [i, digest] of ['a', 'b', 'c', 'd', 'e'].entries()) await keepFrom(base, digest, 60 - i)
    holdFolder(path.join(base, 'b'))
    await keepFrom(base, 'b', 59)
    await keptFolder(base, 'a', fill('used again'))
    await keepFrom(base, 'f', 10)
    await keepFrom(base, 'g', 9)
    assert.deepEqual(readdirSync(base).sort(), ['a', 'b', 'd', 'e', 'f', 'g'])
  })

  it('is not held by a process that has ended, nor half made by one', async (t) => {
    const base = createBase(t)
    const gone = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' })
    await once(gone, 'exit')
    const folder = await keepFrom(base, 'a', 60)
    mkdirSync(path.join(folder, 'holders'))
    writeFileSync(path.join(folder, 'holders', String(gone.pid)), '12345')
    await keepFrom(base, 'a', 60)
    mkdirSync(path.join(base, `z.${gone.pid}.00ff`))
    mkdirSync(path.join(base, `y.${process.pid}.00ff`))
    for (const [i, digest] of ['b', 'c', 'd', 'e', 'f'].entries()) await keepFrom(base, digest, 50 - i)
    assert.deepEqual(readdirSync(base).sort(), ['b', 'c', 'd', 'e', 'f', `y.${process.pid}.00ff`])
  })
})
