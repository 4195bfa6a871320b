import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { ChildSpec } from '../../../infra/child-process.ts'
import { processIdentity } from '../../../infra/setup/process-lock.mjs'
import { createSupervisor } from '../../../infra/supervisor.ts'

const ready = "process.send({ type: 'ready', address: 'here' }); setInterval(() => {}, 1000);"

function setUp(context: TestContext) {
  const dir = mkdtempSync(path.join(tmpdir(), 'twinward-supervisor-'))
  const lines: string[] = []
  const supervisor = createSupervisor({
    log: (line) => { lines.push(line) },
    backoff: { firstMs: 5, maxMs: 20, healthyMs: 60_000 },
  })
  context.after(async () => {
    await supervisor.stopAll()
    rmSync(dir, { recursive: true, force: true })
  })
  const spec = (name: string, script: string, more: Partial<ChildSpec> = {}): ChildSpec => ({
    name,
    command: process.execPath,
    args: ['-e', script],
    env: { ...process.env, NODE_OPTIONS: '' },
    ready: 'message',
    logFile: path.join(dir, `${name}.log`),
    pidFile: path.join(dir, `${name}.pid`),
    ...more,
  })
  return { dir, lines, supervisor, spec }
}

describe('supervisor', () => {
  it('waits for readiness and keeps address, pid file and output', async (t) => {
    const { dir, supervisor, spec } = setUp(t)
    const status = await supervisor.start(spec('one', `console.log('hello'); ${ready}`))
    assert.deepEqual([status.state, status.address, status.restarts], ['running', 'here', 0])
    const noted = JSON.parse(readFileSync(path.join(dir, 'one.pid'), 'utf8')) as { pid: number }
    assert.equal(noted.pid, status.pid)
    await supervisor.stop('one')
    assert.equal(processIdentity(noted.pid), undefined)
    assert.equal(existsSync(path.join(dir, 'one.pid')), false)
    assert.match(readFileSync(path.join(dir, 'one.log'), 'utf8'), /hello/)
    assert.equal(supervisor.status()[0]?.state, 'stopped')
  })

  it('starts a killed child again and counts it', async (t) => {
    const { supervisor, spec, lines } = setUp(t)
    const before = await supervisor.start(spec('one', ready))
    supervisor.kill('one', 'SIGKILL')
    // The end is seen a moment after the signal was sent.
    while (supervisor.status()[0]?.pid === before.pid) await new Promise((resolve) => setTimeout(resolve, 5))
    const after = await supervisor.whenRunning('one')
    assert.notEqual(after.pid, before.pid)
    assert.equal(after.restarts, 1)
    assert.equal(after.lastExit?.signal, 'SIGKILL')
    assert.deepEqual(lines, ['one ended (signal SIGKILL)', 'one is started again in 0.005 s', 'one runs again'])
  })

  it('goes on trying when a restart fails', async (t) => {
    const { dir, supervisor, spec } = setUp(t)
    const flag = JSON.stringify(path.join(dir, 'tries'))
    const script = `const fs = require('fs'); fs.appendFileSync(${flag}, 'x');
      const n = fs.readFileSync(${flag}, 'utf8').length; if (n === 2 || n === 3) process.exit(7); ${ready}`
    await supervisor.start(spec('one', script))
    supervisor.kill('one', 'SIGTERM')
    while ((supervisor.status()[0]?.restarts ?? 0) < 3) await new Promise((resolve) => setTimeout(resolve, 10))
    const status = await supervisor.whenRunning('one')
    assert.equal(status.restarts, 3)
    assert.equal(status.lastExit?.code, 7)
  })

  it('rejects a first start that ends early, with the end of its output', async (t) => {
    const { supervisor, spec } = setUp(t)
    await assert.rejects(supervisor.start(spec('one', "console.error('no such table'); process.exit(3)")),
      /one ended before it was ready \(code 3\)[\s\S]*no such table/)
    assert.equal(supervisor.status()[0]?.state, 'stopped')
  })

  it('rejects a child that is not ready in time, and leaves none running', async (t) => {
    const { supervisor, spec } = setUp(t)
    await assert.rejects(supervisor.start(spec('one', 'setInterval(() => {}, 1000)', { readyTimeoutMs: 300 })), /not ready within 0.3 s/)
    assert.equal(supervisor.status()[0]?.pid, undefined)
  })

  it('rejects a program that does not exist', async (t) => {
    const { supervisor, spec } = setUp(t)
    await assert.rejects(supervisor.start(spec('one', '', { command: '/no/such/program' })), /one/)
  })

  it('calls a child ended when its last words are in its log', async (t) => {
    const { dir, supervisor, spec } = setUp(t)
    await supervisor.start(spec('one', `process.on('SIGTERM', () => {
      process.stdout.write('x'.repeat(300_000) + ' last words\\n', () => { process.exit(0) })
    }); ${ready}`, { graceMs: 60_000 }))
    await supervisor.stop('one')
    const log = readFileSync(path.join(dir, 'one.log'), 'utf8')
    assert.deepEqual([log.length, log.slice(-12)], [300_012, ' last words\n'])
  })

  it('does not wait for ever for the words of one that a child left behind', { skip: process.platform === 'win32' }, async (t) => {
    const { dir, supervisor, spec } = setUp(t)
    const file = path.join(dir, 'stray')
    // In a group of its own, with the child's output for its own.
    const script = `const stray = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'inherit' });
      require('fs').writeFileSync(${JSON.stringify(file)}, String(stray.pid)); ${ready}`
    await supervisor.start(spec('one', script))
    const stray = Number(readFileSync(file, 'utf8'))
    await supervisor.stop('one')
    assert.ok(processIdentity(stray))
    process.kill(stray, 'SIGKILL')
  })

  it('makes a child end that will not', async (t) => {
    const { supervisor, spec } = setUp(t)
    await supervisor.start(spec('one', `process.on('SIGTERM', () => {}); ${ready}`, { graceMs: 50 }))
    await supervisor.stop('one')
    assert.equal(supervisor.status()[0]?.lastExit?.signal, 'SIGKILL')
  })

  it('stops the highest stage first', async (t) => {
    const { dir, supervisor, spec } = setUp(t)
    const order = JSON.stringify(path.join(dir, 'order'))
    const script = (name: string) => `process.on('SIGTERM', () => { require('fs').appendFileSync(${order}, '${name} '); process.exit(0) }); ${ready}`
    await supervisor.start(spec('server', script('server'), { stage: 0 }))
    await supervisor.start(spec('front', script('front'), { stage: 2 }))
    await supervisor.start(spec('worker', script('worker'), { stage: 1 }))
    await supervisor.stopAll()
    assert.equal(readFileSync(path.join(dir, 'order'), 'utf8'), 'front worker server ')
    await assert.rejects(supervisor.start(spec('late', ready)), /everything is being stopped/)
  })

  it('stops a start under way', async (t) => {
    const { supervisor, spec } = setUp(t)
    const starting = supervisor.start(spec('one', 'setInterval(() => {}, 1000)'))
    const outcome = assert.rejects(starting)
    await supervisor.stopAll()
    await outcome
    assert.equal(supervisor.status()[0]?.pid, undefined)
  })

  it('ends what a killed child had started itself', { skip: process.platform === 'win32' }, async (t) => {
    const { dir, supervisor, spec } = setUp(t)
    const file = path.join(dir, 'grandchild')
    const script = `const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
      require('fs').writeFileSync(${JSON.stringify(file)}, String(child.pid)); ${ready}`
    await supervisor.start(spec('one', script, { stopSignal: 'SIGKILL' }))
    const grandchild = Number(readFileSync(file, 'utf8'))
    assert.ok(processIdentity(grandchild))
    await supervisor.stop('one')
    while (processIdentity(grandchild)) await new Promise((resolve) => setTimeout(resolve, 5))
  })
})
