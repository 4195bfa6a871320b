import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { findRemembered, rememberProcess, stopRemembered } from '../../../infra/pid-file.ts'
import { processIdentity } from '../../../infra/setup/process-lock.mjs'

async function startChild(context: TestContext, script = 'setInterval(() => {}, 1000)') {
  const dir = mkdtempSync(path.join(tmpdir(), 'twinward-pid-'))
  const child = spawn(process.execPath, ['-e', `${script}; console.log('up')`], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  context.after(() => {
    child.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  })
  return { file: path.join(dir, 'run', 'x.pid'), pid: child.pid ?? 0 }
}

describe('pid file', () => {
  it('finds a process again, and stops it', async (t) => {
    const { file, pid } = await startChild(t)
    rememberProcess(file, pid, process.execPath)
    assert.equal(findRemembered(file), pid)
    assert.equal(await stopRemembered(file), true)
    assert.equal(processIdentity(pid), undefined)
    assert.equal(existsSync(file), false)
    assert.equal(await stopRemembered(file), false)
  })

  it('makes one end that will not', async (t) => {
    const { file, pid } = await startChild(t, "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)")
    rememberProcess(file, pid, process.execPath)
    assert.equal(await stopRemembered(file, 'SIGTERM', 100), true)
    assert.equal(processIdentity(pid), undefined)
  })

  it('leaves alone a later process with the same number', async (t) => {
    const { file, pid } = await startChild(t)
    rememberProcess(file, pid, process.execPath)
    writeFileSync(file, JSON.stringify({ pid, started: 'another time', program: 'node' }))
    assert.equal(await stopRemembered(file), false)
    rememberProcess(file, pid, '/usr/bin/another-program')
    assert.equal(await stopRemembered(file), false)
    assert.ok(processIdentity(pid))
  })

  it('takes a damaged file as none', async (t) => {
    const { file, pid } = await startChild(t)
    rememberProcess(file, pid, process.execPath)
    writeFileSync(file, '{"pid"')
    assert.equal(findRemembered(file), undefined)
  })
})
