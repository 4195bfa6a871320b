import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import tls from 'node:tls'
import { Aedes } from 'aedes'
import { connectAsync } from 'mqtt'
import { mqttJson } from '../../../edge/connectors/mqtt-json/index.ts'
import { createSecrets } from '../../../edge/site/secrets.ts'
import { createCollectingOutlet } from '../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../helpers/connector-context.ts'

/** A broker that lets nobody in but who shows a certificate of its authority; PEM files lie in `folder`. */
async function stage(t: TestContext): Promise<{ folder: string; url: string; seen: (string | undefined)[] }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-mqtt-tls-'))
  const openssl = (...args: string[]) => { execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' }) }
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const name of ['plant', 'stranger']) openssl('req', '-x509', ...curve, '-keyout', `${name}-ca.key`, '-out', `${name}-ca.pem`, '-days', '2', '-subj', `/CN=${name}`)
  writeFileSync(path.join(folder, 'names'), 'subjectAltName=DNS:localhost\n')
  for (const [name, ca] of [['localhost', 'plant'], ['gateway', 'plant'], ['intruder', 'stranger']] as const) {
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${ca}-ca.pem`, '-CAkey', `${ca}-ca.key`, '-CAcreateserial', '-out', `${name}.pem`, '-days', '2', ...(name === 'localhost' ? ['-extfile', 'names'] : []))
  }
  const pem = (name: string) => readFileSync(path.join(folder, name))
  const seen: (string | undefined)[] = []
  const broker = await Aedes.createBroker()
  const server = tls.createServer({ key: pem('localhost.key'), cert: pem('localhost.pem'), ca: pem('plant-ca.pem'), requestCert: true, rejectUnauthorized: true }, (socket) => {
    seen.push(socket.getPeerCertificate().subject.CN as string | undefined)
    broker.handle(socket)
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  t.after(async () => {
    await new Promise<void>((resolve) => { broker.close(resolve) })
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, url: `mqtts://localhost:${(server.address() as AddressInfo).port}`, seen }
}

function sourceOf(folder: string, url: string, files: object, env: Record<string, string> = {}) {
  return mqttJson.create(mqttJson.config.parse({ url, tls: files }), connectorContext(['plant/temp'], { secret: createSecrets(env, folder) }))
}

for (const [how, files] of [
  ['as secrets are named everywhere', { ca: { file: 'plant-ca.pem' }, certificate: { file: 'gateway.pem' }, key: { env: 'GATEWAY_KEY' } }],
  ['as site files of before name them', { ca: 'plant-ca.pem', certificate: 'gateway.pem', key: 'gateway.key' }],
] as const) {
  test(`readings come over TLS, the gateway showing its certificate: ${how}`, async (t) => {
    const { folder, url, seen } = await stage(t)
    const pem = (name: string) => readFileSync(path.join(folder, name), 'utf8')
    const abort = new AbortController()
    const outlet = createCollectingOutlet()
    const ended = sourceOf(folder, url, files, { GATEWAY_KEY: pem('gateway.key') }).run(outlet, abort.signal)
    await Promise.race([ended, outlet.until(() => outlet.connections === 1)])
    const device = await connectAsync(url, { ca: pem('plant-ca.pem'), cert: pem('gateway.pem'), key: pem('gateway.key'), protocolVersion: 4 })
    await device.publishAsync('plant/temp', '21.5', { qos: 1 })
    await outlet.until(() => outlet.readings().length === 1)
    assert.equal(outlet.readings()[0]?.raw, 21.5)
    assert.equal(seen[0], 'gateway')
    abort.abort()
    await ended
    await device.endAsync()
  })
}

test('a broker of another authority, a gateway of another one, files that are missing or no PEM: each is told, and nothing of a key', async (t) => {
  const { folder, url, seen } = await stage(t)
  writeFileSync(path.join(folder, 'nonsense.key'), 'a secret that is no key')
  const whole = { ca: { file: 'plant-ca.pem' }, certificate: { file: 'gateway.pem' }, key: { file: 'gateway.key' } }
  const fails = async (files: object, code: string, message: RegExp) => {
    await assert.rejects(async () => { await sourceOf(folder, url, { ...whole, ...files }).run(createCollectingOutlet(), new AbortController().signal) }, (error: Error & { code?: string }) => {
      assert.equal(error.code, code)
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /PRIVATE|a secret that/)
      return true
    })
  }
  await fails({ ca: { file: 'stranger-ca.pem' } }, 'unavailable', /cannot be reached: .*certificate/)
  await fails({ certificate: { file: 'intruder.pem' }, key: { file: 'intruder.key' } }, 'unavailable', /cannot be reached/)
  await fails({ key: { file: 'no-such.key' } }, 'not_found', /the secret no-such\.key cannot be read/)
  await fails({ key: { file: 'nonsense.key' } }, 'invalid', /what tls names for .* cannot be used/)
  assert.deepEqual(seen, [])
})
