import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { startApiServer, type ApiServer } from '../../../infra/api-server.ts'
import type { Connections } from '../../../infra/config.ts'
import { freshDatabase, freshPrefix, useStack, type TestDatabase } from '../../helpers/stack.ts'

describe('the API process', () => {
  let database: TestDatabase
  let dataDir: string
  let connections: Connections
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => { lines.push(line) } })
  before(async () => {
    const stack = await useStack()
    database = await freshDatabase(stack)
    dataDir = await mkdtemp(path.join(tmpdir(), 'twinward-server-'))
    connections = { ...stack.connections, database, s3: { ...stack.connections.s3, bucketPrefix: freshPrefix() } }
  })
  after(async () => {
    await database?.drop()
    await rm(dataDir, { recursive: true, force: true })
  })
  const withServer = async (body: (server: ApiServer) => Promise<void>) => {
    const server = await startApiServer({ connections, dataDir, host: '127.0.0.1', port: 0, log })
    try {
      await body(server)
    } finally {
      await server.stop()
    }
  }
  const keyFile = () => path.join(dataDir, 'admin-key')
  const readKey = async () => (await readFile(keyFile(), 'utf8')).trim()
  const meStatus = async (server: ApiServer, key: string) => (await fetch(`${server.address}/v1/me`, { headers: { authorization: `Bearer ${key}` } })).status

  it('makes an admin key at first start, for its owner’s eyes only, and never logs it', async () => {
    await withServer(async (server) => {
      const key = await readKey()
      assert.equal((await stat(keyFile())).mode & 0o777, 0o600)
      assert.equal(await meStatus(server, key), 200)
      assert.ok(lines.some((line) => line.includes(keyFile())))
      assert.ok(!lines.some((line) => line.includes(key)))
    })
  })

  it('keeps the key and its sessions over a restart', async () => {
    const key = await readKey()
    let cookie = ''
    await withServer(async (server) => {
      assert.equal(await readKey(), key)
      const response = await fetch(`${server.address}/v1/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ key }) })
      cookie = response.headers.get('set-cookie')?.split(';')[0] ?? ''
    })
    await withServer(async (server) => {
      assert.equal((await fetch(`${server.address}/v1/me`, { headers: { cookie } })).status, 200)
    })
  })

  it('makes another key for whoever deleted the file, and none for a key that somebody revoked', async () => {
    const former = await readKey()
    await rm(keyFile())
    await withServer(async (server) => {
      const key = await readKey()
      assert.notEqual(key, former)
      assert.equal(await meStatus(server, key), 200)
    })
    const unknown = `tw_${'B'.repeat(43)}`
    await writeFile(keyFile(), unknown)
    await withServer(async (server) => {
      assert.equal(await readKey(), unknown)
      assert.equal(await meStatus(server, unknown), 401)
    })
    assert.ok(lines.some((line) => line.includes('does not work any more')))
  })

  it('says which variable to set when its port is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => { other.listen(0, '127.0.0.1', resolve) })
    const { port } = other.address() as AddressInfo
    try {
      await assert.rejects(startApiServer({ connections, dataDir, host: '127.0.0.1', port, log }), (error: Error) => {
        assert.match(error.message, new RegExp(`Port ${port}.*TWINWARD_PORT`))
        return true
      })
    } finally {
      other.close()
    }
  })

  it('ends although a client keeps a connection open', async () => {
    const server = await startApiServer({ connections, dataDir, host: '127.0.0.1', port: 0, log })
    await fetch(`${server.address}/healthz`)
    await server.stop()
    await assert.rejects(fetch(`${server.address}/healthz`))
  })
})
