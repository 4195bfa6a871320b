import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { bundledFile } from '../../../../infra/build/node-bundle.mjs'
import { bundlePrograms, programOf } from '../../../../infra/build/programs.mjs'
import { root } from '../../../../infra/setup/paths.mjs'

/** A clone of two programs that share a module. */
function createClone(t: TestContext) {
  const top = realpathSync(mkdtempSync(path.join(tmpdir(), 'twinward-bundle-')))
  t.after(() => { rmSync(top, { recursive: true, force: true }) })
  const write = (name: string, text: string) => {
    mkdirSync(path.dirname(path.join(top, name)), { recursive: true })
    writeFileSync(path.join(top, name), text)
  }
  write('package.json', '{ "type": "module" }')
  write('registry/where.ts', `export interface Where { url: string }
export const where = { said: 'import.meta.url', url: import.meta.url, dirname: import.meta.dirname, filename: import.meta.filename }

export function fail(why: string): never {
  throw new Error(why)
}
`)
  write('infra/bin/tell.ts', "import { where } from '../../registry/where.ts'\nprocess.stdout.write(JSON.stringify(where))\n")
  write('infra/bin/fail.ts', "import { fail } from '../../registry/where.ts'\nfail('on purpose')\n")
  write('activities/models/fit-process.ts', "process.stdout.write('fit')\n")
  write('infra/dev/aedes-broker.ts', "process.stdout.write('broker')\n")
  return { top, write, bundles: () => readdirSync(path.join(top, '.cache/programs')) }
}

const run = async (file: string) => (await promisify(execFile)(process.execPath, ['--enable-source-maps', file])).stdout

describe('the programs\' bundle', () => {
  it('runs as the sources do: paths lead from the source, stack traces to its line', async (t) => {
    const { top } = createClone(t)
    const bundle = await bundlePrograms(top)
    const source = path.join(top, 'registry/where.ts')
    assert.deepEqual(JSON.parse(await run(bundledFile(bundle, 'infra/bin/tell.ts'))),
      { said: 'import.meta.url', url: `file://${source}`, dirname: path.dirname(source), filename: source })
    assert.equal(await run(bundledFile(bundle, 'activities/models/fit-process.ts')), 'fit')
    await assert.rejects(run(bundledFile(bundle, 'infra/bin/fail.ts')), (error: { stderr: string }) => {
      assert.match(error.stderr, /on purpose/)
      assert.ok(error.stderr.includes(`${source}:5`), error.stderr)
      assert.ok(error.stderr.includes(`${path.join(top, 'infra/bin/fail.ts')}:2`), error.stderr)
      return true
    })
  })

  it('is made again exactly when a source or a package changed', async (t) => {
    const { top, write, bundles } = createClone(t)
    const first = await bundlePrograms(top)
    assert.equal(await bundlePrograms(top), first)
    write('activities/models/fit-process.ts', "process.stdout.write('another fit')\n")
    const second = await bundlePrograms(top)
    assert.equal(await run(bundledFile(second, 'activities/models/fit-process.ts')), 'another fit')
    write('package-lock.json', '{}')
    const third = await bundlePrograms(top)
    assert.equal(new Set([first, second, third]).size, 3)
    assert.deepEqual(bundles().sort(), [first, second, third].map((folder) => path.basename(folder)).sort())
  })

  it('holds what the sources say at its end, when they change while it is made', async (t) => {
    const { top, write, bundles } = createClone(t)
    // By now it has looked at the sources, and not yet bundled them.
    const bundling = bundlePrograms(top)
    write('activities/models/fit-process.ts', "process.stdout.write('just in time')\n")
    assert.equal(await run(bundledFile(await bundling, 'activities/models/fit-process.ts')), 'just in time')
    assert.equal(bundles().length, 1)
    write('activities/models/fit-process.ts', "process.stdout.write('fit')\n")
    assert.equal(await run(bundledFile(await bundlePrograms(top), 'activities/models/fit-process.ts')), 'fit')
  })

  it('is one when two starts make it at once', async (t) => {
    const { top, bundles } = createClone(t)
    const [one, other] = await Promise.all([bundlePrograms(top), bundlePrograms(top)])
    assert.equal(one, other)
    assert.deepEqual(bundles(), [path.basename(one)])
    assert.equal(await run(bundledFile(one, 'activities/models/fit-process.ts')), 'fit')
  })

  it('refuses a source whose changes it would not notice, and says where a source is wrong', async (t) => {
    const { top, write, bundles } = createClone(t)
    write('elsewhere/secret.ts', 'export const secret = 1\n')
    write('activities/models/fit-process.ts', "import { secret } from '../../elsewhere/secret.ts'\nprocess.stdout.write(String(secret))\n")
    await assert.rejects(bundlePrograms(top), /elsewhere\/secret\.ts.*would go unnoticed/)
    write('activities/models/fit-process.ts', 'const = 1\n')
    await assert.rejects(bundlePrograms(top), /activities\/models\/fit-process\.ts:1:6/)
    assert.deepEqual(bundles(), [])
  })

  it('knows which files are programs', () => {
    assert.equal(programOf('infra/bin/cli.ts'), 'infra/bin/cli.ts')
    assert.equal(programOf(path.join(root, 'infra/bin/../bin/cli.ts')), 'infra/bin/cli.ts')
    assert.equal(programOf('test/run.ts'), undefined)
  })
})
