import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { isSameProcess, processIdentity, tryLock, waitForLock } from '../../../../infra/setup/process-lock.mjs'

function tempDir(context: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'twinward-lock-'))
  context.after(() => { rmSync(dir, { recursive: true, force: true }) })
  return dir
}

describe('process lock', () => {
  it('is held by one at a time, and names its owner', (t) => {
    const dir = path.join(tempDir(t), 'lock')
    const first = tryLock(dir)
    assert.ok(first.release)
    assert.deepEqual(tryLock(dir), { owner: process.pid })
    first.release()
    const second = tryLock(dir)
    assert.ok(second.release)
    second.release()
    assert.deepEqual(readdirSync(path.dirname(dir)), [])
  })

  it('takes over from an owner that has ended, though its number is in use again', (t) => {
    const dir = path.join(tempDir(t), 'lock')
    mkdirSync(dir)
    writeFileSync(path.join(dir, 'owner.json'), JSON.stringify({ pid: process.pid, started: 'another time', token: 'x' }))
    assert.ok(tryLock(dir).release)
  })

  it('takes over a lock that was never finished', (t) => {
    const dir = path.join(tempDir(t), 'lock')
    mkdirSync(dir)
    writeFileSync(path.join(dir, 'owner.json'), '{"pid":')
    assert.ok(tryLock(dir).release)
  })

  it('releases only its own', (t) => {
    const dir = path.join(tempDir(t), 'lock')
    const lock = tryLock(dir)
    assert.ok(lock.release)
    writeFileSync(path.join(dir, 'owner.json'), JSON.stringify({ pid: 1, started: '0', token: 'somebody else' }))
    lock.release()
    assert.ok(existsSync(dir))
  })

  it('waits for the owner, saying once for whom', async (t) => {
    const dir = path.join(tempDir(t), 'lock')
    const first = tryLock(dir)
    assert.ok(first.release)
    const told: unknown[] = []
    const waiting = waitForLock(dir, (pid) => {
      told.push(pid)
      first.release()
    })
    const second = await waiting
    assert.deepEqual(told, [process.pid])
    second.release()
  })
})

describe('process identity', () => {
  it('is the same while a process runs and gone when it has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await once(child, 'spawn')
    const pid = child.pid ?? 0
    const identity = processIdentity(pid)
    assert.ok(identity)
    assert.equal(isSameProcess(pid, identity.started), true)
    assert.equal(isSameProcess(pid, 'another time'), false)
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.equal(isSameProcess(pid, identity.started), false)
  })

  it('is nothing for numbers that no process can have', () => {
    for (const pid of [0, -1, 1.5, NaN]) assert.equal(processIdentity(pid), undefined)
  })
})
