import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import pg from 'pg'
import { connectionsToEnv, loadConfig } from '../../../infra/config.ts'
import { findRemembered } from '../../../infra/pid-file.ts'
import { startPlatform, type Platform, type PlatformProcess } from '../../../infra/platform.ts'
import type { PlatformStatus } from '../../../infra/status-file.ts'
import { processIdentity } from '../../../infra/setup/process-lock.mjs'
import { freshDatabase, useStack } from '../../helpers/stack.ts'

const sample: PlatformProcess = { name: 'sample', file: 'test/stack/infra/sample-process.ts', stage: 1 }

async function query(url: string, sql: string): Promise<pg.QueryResultRow[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows as pg.QueryResultRow[]
  } finally {
    await client.end()
  }
}

describe('platform', () => {
  let dir = ''
  let platform: Platform | undefined
  let abort = new AbortController()
  const start = async () => {
    const config = loadConfig({ TWINWARD_DATA_DIR: dir, TWINWARD_PORT: '0', LOG_LEVEL: 'warn' })
    abort = new AbortController()
    platform = await startPlatform({ config, log: () => {}, processes: [sample], signal: abort.signal })
    return platform
  }
  const pids = (running: Platform) => running.status().parts.map(({ pid }) => pid ?? 0)

  before(async () => { dir = await mkdtemp(path.join(tmpdir(), 'twinward-test-')) })
  after(async () => {
    await platform?.stop()
    await rm(dir, { recursive: true, force: true })
  })

  it('starts servers and processes, and says so in the status file', async () => {
    const running = await start()
    // Written a moment after the last change.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const status = JSON.parse(await readFile(path.join(dir, 'status.json'), 'utf8')) as PlatformStatus
    assert.deepEqual(status.parts.map(({ name, state }) => [name, state]),
      [['postgres', 'running'], ['temporal', 'running'], ['minio', 'running'], ['mqtt', 'running'], ['sample', 'running']])
    assert.equal(status.parts[4]?.address, `process ${status.parts[4]?.pid}`)
    for (const part of running.stack.parts) {
      const health = await part.health()
      assert.ok(health.ok, `${part.name}: ${health.detail}`)
    }
    await query(running.connections.database.migrationUrl, 'CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)')
  })

  it('has no server listen beyond loopback, nor a secret on a command line or in the status file', async () => {
    const secrets = Object.values(JSON.parse(await readFile(path.join(dir, 'secrets.json'), 'utf8')) as Record<string, string>)
      .filter((secret) => secret.length > 20)
    assert.ok(secrets.length >= 5)
    const status = await readFile(path.join(dir, 'status.json'), 'utf8')
    for (const secret of secrets) assert.ok(!status.includes(secret))
    for (const pid of pids(platform as Platform)) {
      const command = processIdentity(pid)?.command ?? ''
      assert.notEqual(command, '')
      for (const secret of secrets) assert.ok(!command.includes(secret), command)
    }
    if (process.platform !== 'linux') return
    const own = new Set(pids(platform as Platform).flatMap((pid) => listeningAddresses(pid)))
    assert.ok(own.size >= 5, `only ${own.size} listeners were found`)
    for (const address of own) assert.match(address, /^(0100007F|00000000000000000000000001000000|0000000000000000FFFF00000100007F):/)
  })

  it('keeps the role that owns the tables from its processes', async () => {
    assert.match(await readFile(path.join(dir, 'notes'), 'utf8'), /^owner kept$/m)
  })

  it('refuses a second one on the same data folder', async () => {
    // The port is the running one's too: that is not what one wants to hear about.
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const config = loadConfig({ TWINWARD_DATA_DIR: dir, TWINWARD_PORT: String((server.address() as AddressInfo).port) })
      await assert.rejects(startPlatform({ config, log: () => {}, processes: [] }),
        new RegExp(`already running, at ${(platform as Platform).url}, pid ${process.pid}, on the data folder ${dir}`))
    } finally {
      server.close()
    }
  })

  it('refuses a port that is taken, naming the variable', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      const config = loadConfig({ TWINWARD_DATA_DIR: path.join(dir, 'other'), TWINWARD_PORT: String(port) })
      await assert.rejects(startPlatform({ config, log: () => {}, processes: [] }), /Set TWINWARD_PORT/)
      // It gave the folder back: asked again, it names the port again.
      await assert.rejects(startPlatform({ config, log: () => {}, processes: [] }), /Set TWINWARD_PORT/)
    } finally {
      server.close()
    }
  })

  it('starts every server and process again after kill -9, with nothing lost', async () => {
    const running = platform as Platform
    const before = pids(running)
    for (const { name } of running.stack.parts) running.stack.killPart(name, 'SIGKILL')
    running.kill('sample', 'SIGKILL')
    while (pids(running).some((pid, at) => pid === before[at])) await new Promise((resolve) => setTimeout(resolve, 20))
    for (const { name } of running.stack.parts) await running.stack.whenRunning(name)
    await running.whenRunning('sample')
    assert.deepEqual(await query(running.connections.database.migrationUrl, 'SELECT id FROM kept'), [{ id: 1 }])
    for (const part of running.status().parts) assert.ok(part.restarts >= 1, `${part.name} was not started again`)
  })

  it('stops in order within 10 s and leaves nothing running', async () => {
    const running = platform as Platform
    const before = pids(running)
    const startedAt = performance.now()
    // As Ctrl-C does.
    abort.abort()
    await running.stop()
    assert.ok(performance.now() - startedAt < 10_000)
    const ends = new Map(running.status().parts.map(({ name, lastExit }) => [name, lastExit?.at ?? '']))
    for (const [name, at] of ends) assert.ok(at >= (ends.get('sample') ?? ''), `${name} ended before the process that needs it`)
    for (const pid of before) assert.equal(processIdentity(pid), undefined)
    assert.match(await readFile(path.join(dir, 'notes'), 'utf8'), /stopped in order\n$/)
    assert.deepEqual(await readdir(path.join(dir, 'run')), [])
    const status = JSON.parse(await readFile(path.join(dir, 'status.json'), 'utf8')) as PlatformStatus
    assert.deepEqual(new Set(status.parts.map(({ state }) => state)), new Set(['stopped']))
  })

  it('comes back with its data, passwords and addresses', async () => {
    const before = platform as Platform
    const again = await start()
    assert.deepEqual(again.connections, before.connections)
    assert.deepEqual(await query(again.connections.database.migrationUrl, 'SELECT id FROM kept'), [{ id: 1 }])
  })

  it('gives Temporal an empty database when told to wipe it', async () => {
    const running = platform as Platform
    await running.stack.restartPart('temporal', { wipe: true })
    const temporal = running.stack.parts.find(({ name }) => name === 'temporal')
    assert.equal((await temporal?.health())?.ok, true)
  })

  it('uses servers that somebody else runs, and leaves them running', async () => {
    const shared = await useStack()
    const database = await freshDatabase(shared, { migrated: false })
    const connections = { ...shared.connections, database: { url: database.url, migrationUrl: database.migrationUrl } }
    const env = { ...connectionsToEnv(connections, { migrations: true }), TWINWARD_DATA_DIR: path.join(dir, 'external'), TWINWARD_PORT: '0' }
    const external = await startPlatform({ config: loadConfig(env), log: () => {}, processes: [sample] })
    try {
      assert.deepEqual(external.connections, connections)
      assert.deepEqual(external.stack.parts.map(({ kind }) => kind), ['external', 'external', 'external', 'external'])
      assert.throws(() => { external.stack.killPart('postgres', 'SIGKILL') }, /not embedded/)
    } finally {
      await external.stop()
    }
    assert.deepEqual(await query(database.url, 'SELECT 1 AS one'), [{ one: 1 }])
    await database.drop()
  })

  it('gives up a start that is interrupted, and leaves nothing running', async () => {
    await platform?.stop()
    const interrupt = new AbortController()
    const config = loadConfig({ TWINWARD_DATA_DIR: dir, TWINWARD_PORT: '0' })
    const starting = startPlatform({ config, log: () => { interrupt.abort() }, processes: [sample], signal: interrupt.signal })
    await assert.rejects(starting)
    assert.deepEqual((await readdir(path.join(dir, 'run'))).filter((file) => findRemembered(path.join(dir, 'run', file)) !== undefined), [])
  })

  it('says why a process did not start, and leaves nothing running', async () => {
    const config = loadConfig({ TWINWARD_DATA_DIR: dir, TWINWARD_PORT: '0' })
    const broken: PlatformProcess = { name: 'broken', file: 'test/stack/infra/broken-process.ts', stage: 1 }
    await assert.rejects(startPlatform({ config, log: () => {}, processes: [sample, broken] }), /broken ended before it was ready[\s\S]*out of order/)
    assert.deepEqual(await readdir(path.join(dir, 'run')), [])
  })
})

/** The local addresses, in hex, on which a process listens: its sockets from /proc, matched with the kernel's tables. */
function listeningAddresses(pid: number): string[] {
  const table = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/${pid}/net/${name}`, 'utf8').split('\n').slice(1))
  const inodes = new Set(socketInodes(pid))
  return table
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A' && inodes.has(fields[9] ?? ''))
    .map((fields) => fields[1] ?? '')
}

function socketInodes(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
    } catch {
      return []
    }
  })
}
