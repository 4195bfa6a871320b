import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { processIdentity } from '../../../infra/setup/process-lock.mjs'
import { findSetpriv } from '../../../infra/setup/setpriv.mjs'
import { root } from '../../../infra/setup/paths.mjs'
import type { PlatformStatus } from '../../../infra/status-file.ts'

describe('npm start', () => {
  let dir = ''
  let running: ChildProcess | undefined
  let output = ''

  before(async () => { dir = await mkdtemp(path.join(tmpdir(), 'twinward-test-')) })
  after(async () => {
    if (running?.exitCode === null) {
      running.kill('SIGTERM')
      await once(running, 'exit')
    }
    await rm(dir, { recursive: true, force: true })
  })

  const status = async () => JSON.parse(await readFile(path.join(dir, 'status.json'), 'utf8')) as PlatformStatus

  /** What `npm start` runs, until it says that it is up. */
  async function start(): Promise<ChildProcess> {
    output = ''
    const child = spawn(process.execPath, ['infra/setup.mjs', '--run', 'infra/bin/platform.ts'], {
      cwd: root,
      env: { ...process.env, TWINWARD_DATA_DIR: dir, TWINWARD_PORT: '0', LOG_LEVEL: 'warn' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running = child
    await new Promise<void>((resolve, reject) => {
      const listen = (text: Buffer) => {
        output += text.toString()
        if (output.includes('Twinward is up.')) resolve()
      }
      child.stdout.on('data', listen)
      child.stderr.on('data', listen)
      child.once('exit', (code) => { reject(new Error(`it ended with code ${code ?? 'none'}:\n${output}`)) })
    })
    return child
  }

  it('brings up the whole platform and says where, without a secret', async () => {
    await start()
    const { parts, url } = await status()
    assert.deepEqual(parts.map(({ name }) => name),
      ['postgres', 'temporal', 'minio', 'mqtt', 'door', 'landing', 'keeper', 'worker', 'trainer', 'api'])
    assert.equal((await fetch(`${url}/healthz`)).status, 200)
    assert.match(output, new RegExp(`Console +${url}`))
    assert.match(output, new RegExp(`Admin key in +${path.join(dir, 'admin-key')}`))
    const key = (await readFile(path.join(dir, 'admin-key'), 'utf8')).trim()
    assert.ok(key.length >= 20)
    assert.ok(!output.includes(key))
    assert.equal((await stat(path.join(dir, 'admin-key'))).mode & 0o777, 0o600)
  })

  it('stops everything at Ctrl-C, with every process ending well', async () => {
    const child = running
    assert.ok(child?.exitCode === null, 'it does not run')
    const { parts } = await status()
    const exit = once(child, 'exit')
    child.kill('SIGINT')
    const [code] = await exit as [number | null]
    assert.equal(code, 0, output)
    for (const { name, pid } of parts) assert.equal(processIdentity(pid ?? 0), undefined, `${name} still runs`)
    for (const { name, state, lastExit } of (await status()).parts) {
      assert.equal(state, 'stopped')
      assert.equal(lastExit?.code, 0, `${name} ended with ${JSON.stringify(lastExit)}`)
    }
  })

  it('leaves no server behind when it is killed, and comes back with its data', async () => {
    const key = await readFile(path.join(dir, 'admin-key'), 'utf8')
    const child = await start()
    const { pid, parts } = await status()
    const exit = once(child, 'exit')
    process.kill(pid, 'SIGKILL')
    await exit
    // The kernel tells the children; they take a moment to end. Elsewhere the next start stops them.
    if (findSetpriv()) {
      for (const part of parts) while (processIdentity(part.pid ?? 0)) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await start()
    assert.equal(await readFile(path.join(dir, 'admin-key'), 'utf8'), key)
    for (const { name, state } of (await status()).parts) assert.ok(['running', 'starting'].includes(state), `${name} is ${state}`)
  })
})
