import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { root } from '../../../../infra/setup/paths.mjs'
import { minio } from '../../../../infra/setup/versions.mjs'
import { createFakeClone, type FakeClone } from '../../../helpers/fake-clone.ts'

/** A `go` that counts its calls, takes a moment, and leaves a program as the real one does. */
function fakeGo(clone: FakeClone, moment = ''): () => number {
  const calls = path.join(clone.dir, 'go-calls')
  clone.program('go', `echo "$@" >> ${calls}\necho 'go: downloading example.com/a v1' >&2\n${moment}\n`
    + 'echo "#!/bin/sh" > "$GOBIN/minio"')
  return () => (existsSync(calls) ? readFileSync(calls, 'utf8').split('\n').length - 1 : 0)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('set-up', { skip: process.platform === 'win32' ? 'its stand-ins are shell scripts' : false }, () => {
  it('makes what is missing, then has nothing to do', async (t) => {
    const clone = createFakeClone(t)
    const calls = fakeGo(clone)
    const first = await clone.run([])
    assert.equal(first.code, 0, first.stderr)
    assert.match(first.stderr, /^- MinIO/m)
    assert.match(first.stderr, /^✓ MinIO .*: built from source/m)
    assert.equal(first.stdout, '')
    assert.equal(readFileSync(path.join(clone.dir, 'go-calls'), 'utf8').trim(), `install -v ${minio.goPackage}`)

    const manifest = JSON.parse(readFileSync(path.join(clone.dir, '.cache', 'setup.json'), 'utf8')) as
      { tools: Record<string, { source: string; version: string }> }
    assert.deepEqual(Object.entries(manifest.tools).map(([name, { source, version }]) => [name, source, version]),
      [['temporal', 'path', '1.29.1'], ['minio', 'build', minio.label]])

    assert.deepEqual(await clone.run([]), { code: 0, stdout: '', stderr: 'Everything needed is in place.\n' })
    assert.deepEqual(await clone.run(['--quiet']), { code: 0, stdout: '', stderr: '' })
    assert.equal(calls(), 1)
    assert.deepEqual(readdirSync(path.join(clone.cache, 'tmp')), [])
  })

  it('says what to install when a server cannot be had', async (t) => {
    const { code, stderr } = await createFakeClone(t).run([])
    assert.equal(code, 1)
    for (const text of [/MinIO is needed/, /not on PATH/, /not in the cache/, /Go is not on PATH/, /install Go 1\.24/, /set S3_ENDPOINT/]) {
      assert.match(stderr, text)
    }
    assert.doesNotMatch(stderr, /\bat .*\.mjs:/)
  })

  it('shows the end of a build that failed', async (t) => {
    const clone = createFakeClone(t)
    clone.program('go', 'echo "dial tcp: no route to host" >&2; exit 1')
    const { code, stderr } = await clone.run([])
    assert.equal(code, 1)
    assert.match(stderr, /no route to host/)
    assert.deepEqual(readdirSync(path.join(clone.cache, 'bin')), [])
  })

  it('leaves out a server whose address is in the environment', async (t) => {
    const { code, stderr } = await createFakeClone(t).run([], { S3_ENDPOINT: 'http://elsewhere:9000' })
    assert.equal(code, 0, stderr)
  })

  it('passes over a program on PATH that is too old', async (t) => {
    const clone = createFakeClone(t)
    clone.program('temporal', 'echo "temporal version 1.1.0 (Server 1.25.1)"')
    const { code, stderr } = await clone.run([], { S3_ENDPOINT: 'http://elsewhere:9000' })
    assert.equal(code, 1)
    assert.match(stderr, /is version 1\.25\.1, older than 1\.29\.0, and is passed over/)
    assert.match(stderr, /Temporal is needed[\s\S]*127\.0\.0\.1:1 cannot be reached[\s\S]*set TEMPORAL_ADDRESS/)
  })

  it('makes a thing once when two set-ups start together', async (t) => {
    const clone = createFakeClone(t)
    const calls = fakeGo(clone, 'sleep 1')
    const first = clone.start([])
    await until(() => calls() === 1)
    const second = await clone.run([])
    assert.equal(second.code, 0)
    assert.match(second.stderr, new RegExp(`^Waiting for another set-up \\(pid ${first.pid}\\) …$`, 'm'))
    assert.equal((await first.ended).code, 0)
    assert.equal(calls(), 1)
  })

  it('goes on after one that was killed', async (t) => {
    const clone = createFakeClone(t)
    const calls = fakeGo(clone, `test -e ${clone.dir}/go-on || sleep 5`)
    const killed = clone.start([])
    await until(() => calls() === 1)
    killed.kill('SIGKILL')
    writeFileSync(path.join(clone.dir, 'go-on'), '')
    const { code, stderr } = await clone.run([])
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stderr, /Waiting/)
    assert.equal(calls(), 2)
  })

  it('looks again when the pinned versions or the cache change', async (t) => {
    const clone = createFakeClone(t)
    const calls = fakeGo(clone)
    await clone.run([])
    const pins = path.join(clone.dir, 'infra', 'setup', 'versions.mjs')
    writeFileSync(pins, readFileSync(pins, 'utf8').replaceAll(minio.version, '0.0.0-another'))
    await clone.run([])
    assert.equal(calls(), 2)
  })

  it('refuses an option that it does not know', async (t) => {
    const { code, stderr } = await createFakeClone(t).run(['--fast'])
    assert.equal(code, 2)
    assert.match(stderr, /unknown option --fast/)
  })

  describe('--run', () => {
    async function ready(t: Parameters<typeof createFakeClone>[0], program: string): Promise<FakeClone> {
      const clone = createFakeClone(t)
      fakeGo(clone)
      mkdirSync(path.join(clone.dir, 'programs'))
      writeFileSync(path.join(clone.dir, 'programs', 'one.mjs'), program)
      await clone.run([])
      return clone
    }

    it('hands over the arguments, the outputs and the exit code', async (t) => {
      const clone = await ready(t, 'console.log(JSON.stringify(process.argv.slice(2))); process.exit(7)')
      const { code, stdout, stderr } = await clone.run(['--run', 'programs/one.mjs', '--quiet', 'a b', '--run'])
      assert.deepEqual([code, stdout, stderr], [7, '["--quiet","a b","--run"]\n', ''])
    })

    it('passes on signals and waits for the program', async (t) => {
      const clone = await ready(t, `process.on('SIGTERM', () => { console.log('stopping'); setTimeout(() => process.exit(3), 50) })
        console.log('up'); setInterval(() => {}, 1000)`)
      const running = clone.start(['--run', 'programs/one.mjs'])
      await until(() => running.output().includes('up'))
      running.kill('SIGTERM')
      const { code, stdout } = await running.ended
      assert.deepEqual([code, stdout], [3, 'up\nstopping\n'])
    })

    it('runs a program of ours bundled, without another process around it', async (t) => {
      const clone = await ready(t, '')
      symlinkSync(path.join(root, 'node_modules', 'esbuild'), path.join(clone.dir, 'node_modules', 'esbuild'))
      for (const file of ['infra/bin/one.ts', 'activities/models/fit-process.ts', 'infra/dev/aedes-broker.ts']) {
        mkdirSync(path.dirname(path.join(clone.dir, file)), { recursive: true })
        writeFileSync(path.join(clone.dir, file), '')
      }
      const program = path.join(clone.dir, 'infra/bin/one.ts')
      writeFileSync(program, `const told: string[] = process.argv.slice(2)
        console.log(process.pid, JSON.stringify(told))
        throw new Error('on purpose')`)
      const running = clone.start(['--run', 'infra/bin/one.ts', '--quiet', 'a b'])
      const { code, stdout, stderr } = await running.ended
      assert.deepEqual([code, stdout], [1, `${running.pid} ["--quiet","a b"]\n`])
      assert.ok(stderr.includes(`${program}:3`), stderr)
      writeFileSync(program, 'const = 1')
      const wrong = await clone.run(['--run', 'infra/bin/one.ts'])
      assert.deepEqual([wrong.code, wrong.stdout], [1, ''])
      assert.match(wrong.stderr, /infra\/bin\/one\.ts:1:6/)
    })

    it('needs a file', async (t) => {
      assert.equal((await createFakeClone(t).run(['--run'])).code, 2)
    })
  })
})
