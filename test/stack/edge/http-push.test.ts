import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { connect as tlsConnect } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { openPushServer } from '../../../edge/connectors/http/server.ts'
import { httpPush } from '../../../edge/connectors/http/index.ts'
import type { HttpPushConfig } from '../../../edge/connectors/http/config.ts'
import type { ConnectorContext } from '../../../edge/connectors/kind.ts'
import type { Source } from '../../../edge/source.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import { createCollectingOutlet, type CollectingOutlet } from '../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../helpers/connector-context.ts'
import { machine, TOKENS } from '../../helpers/http-push.ts'

const tags = ['temp', 'speed', { address: 'shake', kind: 'waveform' as const }]

interface Pushing { readonly url: string; readonly source: Source; readonly outlet: CollectingOutlet; readonly send: ReturnType<typeof machine>; stop(): Promise<void> }

/** The connector by itself, with an outlet that keeps what it delivers. */
async function start(t: TestContext, config: object = {}, { outlet = createCollectingOutlet(), context }: { outlet?: CollectingOutlet; context?: Partial<ConnectorContext> } = {}): Promise<Pushing> {
  const port = await freePort()
  const parsed: HttpPushConfig = httpPush.config.parse({ listen: `127.0.0.1:${port}`, tokens: [{ name: 'press-1', secret: { env: 'ONE' } }, { name: 'press-2', secret: { env: 'TWO' }, assets: ['machine-2'] }], ...config })
  const source = httpPush.create(parsed, connectorContext(tags, { secret: (reference) => TOKENS['env' in reference ? reference.env : ''] ?? '', ...context }))
  const abort = new AbortController()
  const ended = source.run(outlet, abort.signal)
  const stop = async () => {
    abort.abort()
    await ended
  }
  t.after(stop)
  await Promise.race([ended, outlet.until(() => outlet.connections > 0)])
  const url = `http://127.0.0.1:${port}`
  return { url, source, outlet, stop, send: machine(url, TOKENS['ONE'] ?? '') }
}
const counter = ({ source }: Pushing, name: string) => source.health?.().counters[name] ?? -1

suite('answers', () => {
  test('what is good lands, what is not is told with its place; the body is JSON, lines or CSV, packed or not', async (t) => {
    const pushing = await start(t)
    const { send, outlet } = pushing
    const time = new Date().toISOString()
    const mixed = await send({ readings: [{ name: 'temp', value: 1, time }, { name: 'tmp', value: 2 }], waveforms: [{ name: 'shake', start: time, intervalUs: 100, samples: [1, 2] }] })
    assert.deepEqual([mixed.status, mixed.body.readings, mixed.body.waveforms, mixed.body.refused, mixed.body.problems?.[0]?.at], [200, 1, 1, 1, '/readings/1'])
    assert.deepEqual(outlet.deliveries.at(-1)?.gatewayTimed, [])
    const packed = await send(gzipSync('{"values":{"temp":2}}'), { 'content-encoding': 'gzip' })
    assert.deepEqual([packed.status, packed.body.readings], [200, 1])
    assert.equal(outlet.deliveries.at(-1)?.gatewayTimed?.length, 1, 'the gateway gave the time')
    assert.deepEqual((await send('{"name":"temp","value":3}\n{"name":"speed","value":4}\n', { 'content-type': 'application/x-ndjson' })).body.readings, 2)
    const csv = await send(`name,value,time\ntemp,5,${time}\n`, { 'content-type': 'text/csv' }, '?mode=backfill')
    assert.equal(csv.status, 200)
    assert.deepEqual([outlet.deliveries.at(-1)?.mode, outlet.deliveries.at(-1)?.completeThroughUs], ['backfill', undefined])
    assert.deepEqual(outlet.readings('temp').map(({ raw }) => raw), [1, 2, 3, 5])
    assert.deepEqual([counter(pushing, 'readings'), counter(pushing, 'waveforms'), counter(pushing, 'refused')], [5, 1, 1])
    assert.ok(outlet.deliveries.every(({ offered }) => offered === true))
  })

  test('refusals are problem documents: 400, 401, 404, 405, 413, 415, 422, 429, 503', async (t) => {
    const pushing = await start(t, { limits: { body: '2 kB', unpacked: '10 kB', requestsPerSecond: 20 } })
    const { send, url, outlet } = pushing
    const refusal = async (answered: ReturnType<typeof send>, status: number, detail: RegExp) => {
      const { status: got, body, headers } = await answered
      assert.equal(got, status)
      assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
      assert.match(body.type ?? '', /^urn:twinward:error:/)
      assert.match(body.detail ?? '', detail)
      return headers
    }
    await refusal(send('{"values":'), 400, /not JSON/)
    await refusal(send('{}'), 400, /neither readings nor waveforms/)
    await refusal(send(Buffer.from('no gzip'), { 'content-encoding': 'gzip' }), 400, /not gzip/)
    assert.match((await refusal(send('{}', { authorization: 'Bearer wrong' }), 401, /Bearer TOKEN/)).get('www-authenticate') ?? '', /^Bearer realm=/)
    await refusal(send('{}', { authorization: `Basic ${TOKENS['ONE'] ?? ''}` }), 401, /Bearer TOKEN/)
    await refusal(send(' '.repeat(3_000)), 413, /over 2000 bytes/)
    await refusal(send(gzipSync(Buffer.alloc(1_000_000, ' ')), { 'content-encoding': 'gzip' }), 413, /over 10000 bytes once unpacked/)
    assert.match((await refusal(send('<a/>', { 'content-type': 'application/xml' }), 415, /application\/json, /)).get('accept-post') ?? '', /text\/csv/)
    await refusal(send('{}', { 'content-encoding': 'br' }), 415, /gzip/)
    const none = await send({ values: { tmp: 1, stop: 2 } })
    assert.deepEqual([none.status, none.body.errors?.map(({ at }) => at)], [422, ['/values/tmp', '/values/stop']])
    const foreign = await machine(url, TOKENS['TWO'] ?? '')({ values: { temp: 1 } })
    assert.deepEqual([foreign.status, /may not send for machine-1/.test(foreign.body.detail ?? '')], [422, true])
    assert.equal((await fetch(`${url}/v1/ingest`)).headers.get('allow'), 'POST')
    assert.equal((await fetch(`${url}/`)).status, 404)
    let last = await send({ values: { temp: 1 } })
    while (last.status === 200) last = await send({ values: { temp: 1 } })
    assert.equal(last.status, 429)
    assert.ok(Number(last.headers.get('retry-after')) >= 1)
    assert.deepEqual(['malformed', 'too_large', 'unsupported', 'unauthenticated', 'over_rate'].map((name) => counter(pushing, name)), [2, 2, 2, 2, 1])
    assert.match(pushing.source.health?.().detail ?? '', /press-2: \/values\/temp: this token may not send/)
    assert.equal(JSON.stringify(pushing.source.health?.()).includes(TOKENS['ONE'] ?? '-'), false)
    assert.ok(outlet.readings().every(({ address }) => address === 'temp'))
  })

  test('a body without a length is cut at its limit; one that asks first is told before it is sent', async (t) => {
    const { url } = await start(t, { limits: { body: '1 kB' } })
    const { port } = new URL(url)
    const head = (more: string) => `POST /v1/ingest HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKENS['ONE'] ?? ''}\r\ncontent-type: application/json\r\n${more}\r\n\r\n`
    const talk = async (text: string, until: RegExp) => {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {})
      let heard = ''
      socket.on('data', (chunk: Buffer) => { heard += chunk.toString() })
      socket.write(text)
      while (!until.test(heard)) await once(socket, 'data')
      socket.destroy()
      return heard
    }
    assert.match(await talk(head('transfer-encoding: chunked') + `800\r\n${' '.repeat(2_048)}\r\n`, /\}\n/), /^HTTP\/1\.1 413 /)
    assert.match(await talk(head('expect: 100-continue\r\ncontent-length: 5000'), /\}\n/), /^HTTP\/1\.1 413 /)
    assert.match(await talk(head('expect: 100-continue\r\ncontent-length: 21'), /Continue/), /^HTTP\/1\.1 100 /)
    assert.match(await talk(head('content-length: 22') + '{"values":{"temp": 1}}', /\}\n/), /^HTTP\/1\.1 200 /)
    assert.match(await talk('NONSENSE\r\n\r\n', /400/), /^HTTP\/1\.1 400 /)
  })

  test('nothing is promised before it is on disk; what is not taken may come again; places are few', async (t) => {
    let let1: (taken: boolean) => void = () => {}
    const outlet = createCollectingOutlet()
    const deliver = outlet.deliver.bind(outlet)
    outlet.deliver = (delivery) => (delivery.blocks.length === 0 ? deliver(delivery) : new Promise((resolve) => { let1 = (taken) => { resolve(taken) } }))
    const { send } = await start(t, { limits: { concurrent: 1 } }, { outlet })
    let answered = false
    const first = send({ values: { temp: 1 } }).finally(() => { answered = true })
    let second = await send({ values: { temp: 2 } })
    // The first may not have arrived yet; then the second waits for the disk, and this is the one to be put off.
    while (second.status !== 503) second = await send({ values: { temp: 2 } })
    assert.deepEqual([second.status, second.headers.get('retry-after'), answered], [503, '1', false])
    let1(false)
    const put = await first
    assert.deepEqual([put.status, put.headers.get('retry-after')], [503, '10'])
    assert.match(put.body.detail ?? '', /nothing of this was taken/)
  })
})

suite('repeats', () => {
  test('an Idempotency-Key is done once, also after a restart; with another body it is refused', async (t) => {
    const first = await start(t)
    const body = { values: { temp: 1, tmp: 2 } }
    const once1 = await first.send(body, { 'idempotency-key': 'k-1' })
    const again = await Promise.all([1, 2, 3].map(() => first.send(body, { 'idempotency-key': 'k-1' })))
    for (const answer of again) assert.deepEqual([answer.status, answer.body, answer.headers.get('idempotency-replayed')], [200, once1.body, 'true'])
    const other = await first.send({ values: { temp: 9 } }, { 'idempotency-key': 'k-1' })
    assert.deepEqual([other.status, other.body.type], [422, 'urn:twinward:error:idempotency_conflict'])
    await first.stop()
    const second = await start(t, {}, { outlet: createCollectingOutlet(first.outlet.positions) })
    assert.equal((await second.send(body, { 'idempotency-key': 'k-1' })).headers.get('idempotency-replayed'), 'true')
    assert.equal((await second.send(body, { 'idempotency-key': 'k-2' })).headers.get('idempotency-replayed'), null)
    assert.deepEqual([first.outlet.readings().length, second.outlet.readings().length], [1, 1])
    assert.equal((await machine(second.url, TOKENS['TWO'] ?? '')(body, { 'idempotency-key': 'k-1' })).status, 422, 'another sender\'s keys are its own')
  })

  test('a thousand keys take a bounded record, and the last ones are known', async (t) => {
    const { send, outlet } = await start(t, { limits: { requestsPerSecond: 10_000, concurrent: 500 } })
    for (let from = 0; from < 1_000; from += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => send({ values: { temp: from + i } }, { 'idempotency-key': `key-${from + i}` })))
    const records = [...outlet.positions.values()] as unknown[][]
    assert.ok(records.length <= 256 && records.every((record) => record.length <= 64))
    assert.equal(records.reduce((sum, record) => sum + record.length, 0), 1_000)
    assert.equal(outlet.readings().length, 1_000)
  })
})

test('what is complete: a little behind the machine that is furthest behind, none of the quiet ones', async (t) => {
  let nowUs = Date.UTC(2026, 2, 1, 12) * 1_000
  const { send, outlet, url } = await start(t, { lateness: '2s', quietAfter: '1min' }, {
    context: {
      ...connectorContext(tags), nowUs: () => nowUs, secret: (reference) => TOKENS['env' in reference ? reference.env : ''] ?? '',
      map: { version: 1, tags: [['temp', 'machine-1/temp'], ['speed', 'machine-2/speed']].map(([address = '', tag = '']) => ({ address, tag, kind: 'scalar' as const, unit: '1', canonicalUnit: '1', scale: 1, offset: 0 })) },
    },
  })
  const through = () => outlet.deliveries.at(-1)?.completeThroughUs
  const at = (seconds: number) => Math.floor((nowUs / 1e6) - seconds) * 1_000
  await send({ readings: [{ name: 'temp', value: 1, time: at(0) }] })
  assert.equal(through(), undefined, 'the other machine has not spoken yet')
  await machine(url, TOKENS['TWO'] ?? '')({ readings: [{ name: 'speed', value: 1, time: at(30) }] })
  assert.equal(through(), nowUs - 32_000_000 - 1)
  nowUs += 61_000_000
  await send({ readings: [{ name: 'temp', value: 1, time: at(0) }] })
  assert.equal(through(), nowUs - 2_000_000 - 1, 'the other one is quiet')
})

test('TLS; a certificate that cannot be used is told', async (t) => {
  const { certificate, key, renew } = certificates(t)
  renew()
  const secret: ConnectorContext['secret'] = (reference, part) => ('env' in reference ? TOKENS[reference.env] ?? '' : part === 'all' ? readFileSync(reference.file, 'utf8') : '')
  const { url, outlet } = await start(t, { tls: { certificate: { file: certificate }, key: { file: key } } }, { context: { secret } })
  const { port } = new URL(url)
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sending = request({ host: '127.0.0.1', port, path: '/v1/ingest', method: 'POST', ca: readFileSync(certificate), servername: 'localhost', headers: { authorization: `Bearer ${TOKENS['ONE'] ?? ''}`, 'content-type': 'application/json' } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sending.on('error', reject)
    sending.end('{"values":{"temp":1}}')
  })
  assert.equal(status, 200)
  assert.equal(outlet.readings().length, 1)
  writeFileSync(key, 'nothing')
  const broken = httpPush.create(httpPush.config.parse({ listen: `127.0.0.1:${await freePort()}`, tokens: [{ name: 'a', secret: { env: 'ONE' } }], tls: { certificate: { file: certificate }, key: { file: key } } }), connectorContext(tags, { secret }))
  await assert.rejects(broken.run(createCollectingOutlet(), new AbortController().signal), { code: 'invalid', message: /certificate or its key cannot be used/ })
})

test('a renewed certificate is taken over while it runs; a broken one leaves the former in force', async (t) => {
  const { certificate, key, renew } = certificates(t)
  renew()
  const problems: (string | null)[] = []
  const server = await openPushServer({
    listen: '127.0.0.1:0', tls: { certificate: { file: certificate }, key: { file: key } }, certificateMs: 50,
    secret: (reference) => ('file' in reference ? readFileSync(reference.file, 'utf8') : ''), handle: async () => null, onCertificate: (problem) => { problems.push(problem) },
  })
  t.after(() => server.close())
  const fingerprint = async () => {
    const socket = tlsConnect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const found = socket.getPeerCertificate().fingerprint256
    socket.destroy()
    return found
  }
  const first = await fingerprint()
  renew()
  while (await fingerprint() === first) await new Promise((resolve) => { setTimeout(resolve, 50) })
  const second = await fingerprint()
  writeFileSync(certificate, 'nothing')
  while (!problems.some((problem) => /cannot be used/.test(problem ?? ''))) await new Promise((resolve) => { setTimeout(resolve, 50) })
  assert.equal(await fingerprint(), second)
})

function certificates(t: TestContext): { certificate: string; key: string; renew: () => void } {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-push-tls-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  const [certificate, key] = [path.join(directory, 'gw.crt'), path.join(directory, 'gw.key')]
  return {
    certificate, key,
    renew: () => { execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost'], { stdio: 'ignore' }) },
  }
}

test('an address that is taken, and tokens that are none, are told with their cure', async (t) => {
  const { url } = await start(t)
  const taken = httpPush.create(httpPush.config.parse({ listen: new URL(url).host, tokens: [{ name: 'a', secret: { env: 'ONE' } }] }), connectorContext(tags, { secret: () => TOKENS['ONE'] ?? '' }))
  await assert.rejects(taken.run(createCollectingOutlet(), new AbortController().signal), { code: 'unavailable', message: /EADDRINUSE.*name a free address/ })
  const short = { ...connectorContext(tags), secret: () => 'short' }
  assert.throws(() => httpPush.create(httpPush.config.parse({ tokens: [{ name: 'a', secret: { env: 'ONE' } }] }), short), { code: 'invalid', message: /token a has fewer than 16/ })
  assert.equal(httpPush.config.safeParse({ tokens: [] }).success, false)
})
