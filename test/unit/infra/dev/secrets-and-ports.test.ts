import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { mosquittoPasswordLine } from '../../../../infra/dev/mosquitto-password.ts'
import { createPorts, freePort, isFree } from '../../../../infra/dev/ports.ts'
import { loadSecrets } from '../../../../infra/dev/secrets.ts'

function tempDir(context: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'twinward-data-'))
  context.after(() => { rmSync(dir, { recursive: true, force: true }) })
  return dir
}

async function takePort(context: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => { server.close() })
  return (server.address() as AddressInfo).port
}

describe('secrets', () => {
  it('are made once, long, different and readable by their owner alone', (t) => {
    const dir = tempDir(t)
    const secrets = loadSecrets(dir)
    assert.deepEqual(loadSecrets(dir), secrets)
    assert.equal(statSync(path.join(dir, 'secrets.json')).mode & 0o777, 0o600)
    const passwords = [secrets.postgresSuperuser, secrets.postgresOwner, secrets.postgresApp, secrets.minioPassword, secrets.mqttPassword]
    assert.equal(new Set(passwords).size, 5)
    for (const password of passwords) assert.ok(password.length >= 32)
    assert.notEqual(loadSecrets(tempDir(t)).mqttPassword, secrets.mqttPassword)
  })

  it('are never made anew over a damaged file, since the data needs the old ones', (t) => {
    const dir = tempDir(t)
    loadSecrets(dir)
    writeFileSync(path.join(dir, 'secrets.json'), '{"mqttUser":')
    assert.throws(() => loadSecrets(dir), /damaged/)
    writeFileSync(path.join(dir, 'secrets.json'), '{"mqttUser":"a"}')
    assert.throws(() => loadSecrets(dir), /lacks a password/)
  })

  it('become a line that mosquitto 2 reads', () => {
    assert.equal(
      mosquittoPasswordLine('u', 'secret', Buffer.alloc(12, 7)).split('$').slice(0, 4).join('$'),
      `u:$7$101$${Buffer.alloc(12, 7).toString('base64')}`,
    )
    assert.equal(Buffer.from(mosquittoPasswordLine('u', 'p').split('$').at(-1) ?? '', 'base64').length, 64)
  })
})

describe('ports', () => {
  it('are remembered for the next time', async (t) => {
    const dir = tempDir(t)
    const first = await createPorts(dir).choose('minio', undefined, 'TWINWARD_MINIO_PORT')
    assert.equal(await createPorts(dir).choose('minio', undefined, 'TWINWARD_MINIO_PORT'), first)
  })

  it('move when the remembered one is taken', async (t) => {
    const dir = tempDir(t)
    const taken = await takePort(t)
    writeFileSync(path.join(dir, 'ports.json'), JSON.stringify({ minio: taken }))
    assert.notEqual(await createPorts(dir).choose('minio', undefined, 'TWINWARD_MINIO_PORT'), taken)
  })

  it('that another process has chosen are not chosen, whether its server listens yet or not', async (t) => {
    const dir = tempDir(t)
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const theirs = socket.address().port
    writeFileSync(path.join(dir, 'ports.json'), JSON.stringify({ minio: theirs }))
    assert.notEqual(await createPorts(dir).choose('minio', undefined, 'TWINWARD_MINIO_PORT'), theirs)
    socket.close()
    // And what is chosen here is marked for them in the same way.
    const other = createSocket('udp4')
    const refused = once(other, 'error') as Promise<[NodeJS.ErrnoException]>
    other.bind({ port: await freePort(), address: '127.0.0.1', exclusive: true })
    assert.equal((await refused)[0].code, 'EADDRINUSE')
    other.close()
  })

  it('that were asked for and are taken are an error that names the variable', async (t) => {
    const taken = await takePort(t)
    await assert.rejects(createPorts(tempDir(t)).choose('minio', taken, 'TWINWARD_MINIO_PORT'),
      new RegExp(`Port ${taken} .* Set TWINWARD_MINIO_PORT`))
    assert.equal(await isFree(taken), false)
  })

  it('stay below those that systems give to outgoing connections', async () => {
    const port = await freePort()
    assert.ok(port >= 20_000 && port < 32_000)
  })
})
