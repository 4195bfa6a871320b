import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bearer, keys, makeApp } from './app-fixture.ts'

interface Problem { type: string; status: number; detail: string; instance: string; errors?: { in: string; pointer: string; detail: string }[] }
const problem = async (response: Response): Promise<Problem> => {
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  return await response.json() as Problem
}

test('an unknown address is 404, another method 405 with Allow', async () => {
  const { app } = makeApp()
  const nowhere = await problem(await app.request('/v1/nowhere', { headers: bearer(keys.admin) }))
  assert.equal(nowhere.type, 'urn:twinward:error:not_found')
  const response = await app.request('/v1/me', { method: 'POST', headers: bearer(keys.admin) })
  assert.equal(response.status, 405)
  assert.equal(response.headers.get('allow'), 'GET')
  assert.equal((await problem(response)).type, 'urn:twinward:error:method_not_allowed')
  assert.equal((await app.request('/nothing/here')).status, 404)
})

test('a caller’s trace id is kept; a broken one is replaced', async () => {
  const { app, lines } = makeApp()
  const id = '4bf92f3577b34da6a3ce929d0e0e4736'
  const kept = await app.request('/v1/nowhere', { headers: { ...bearer(keys.admin), traceparent: `00-${id}-00f067aa0ba902b7-01` } })
  assert.equal((await problem(kept)).instance, `urn:twinward:trace:${id}`)
  assert.match(kept.headers.get('traceparent') ?? '', new RegExp(`^00-${id}-[0-9a-f]{16}-00$`))
  assert.ok(lines.some((line) => line['traceId'] === id && line['status'] === 404))
  const made = await app.request('/healthz', { headers: { traceparent: '00-00000000000000000000000000000000-00f067aa0ba902b7-01' } })
  assert.match(made.headers.get('traceparent') ?? '', /^00-(?!0{32})[0-9a-f]{32}-/)
})

test('every answer carries the security headers, refusals too', async () => {
  const { app } = makeApp()
  for (const path of ['/healthz', '/v1/me', '/openapi.json', '/nothing']) {
    const { headers } = await app.request(path)
    const policy = headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('referrer-policy'), 'no-referrer')
    assert.equal(headers.get('cache-control'), 'no-store')
  }
})

test('a body over the limit is 413, with a length and without', async () => {
  const { app } = makeApp()
  const big = JSON.stringify({ id: 'x'.repeat(1024 * 1024) })
  const headers = { ...bearer(keys.admin), 'content-type': 'application/json' }
  const known = await app.request('/v1/sites', { method: 'POST', headers: { ...headers, 'content-length': String(big.length) }, body: big })
  assert.equal((await problem(known)).type, 'urn:twinward:error:too_large')
  const stream = new ReadableStream({ start(out) { out.enqueue(new TextEncoder().encode(big)); out.close() } })
  const request = new Request('http://localhost/v1/sites', { method: 'POST', headers, body: stream, duplex: 'half' } as RequestInit & { duplex: 'half' })
  assert.equal((await app.request(request)).status, 413)
})

test('a broken body is 400 and says so; another media type 415', async () => {
  const { app } = makeApp()
  const post = (body: string, type = 'application/json') => app.request('/v1/sites', { method: 'POST', headers: { ...bearer(keys.admin), 'content-type': type }, body })
  for (const body of ['{"id":', '', '{"id":"a",}', 'null', '[]', '42']) assert.equal((await post(body)).status, 400, body)
  assert.equal((await problem(await post('<site/>', 'application/xml'))).type, 'urn:twinward:error:unsupported_media_type')
  const fields = await problem(await post('{"id":"Ä","name":"","kind":"moon","colour":1}'))
  assert.deepEqual(fields.errors?.map(({ pointer }) => pointer).sort(), ['', '/id', '/kind', '/name'])
})

test('U+0000 is refused in body, query and path', async () => {
  const { app } = makeApp()
  const post = await app.request('/v1/sites', { method: 'POST', headers: { ...bearer(keys.admin), 'content-type': 'application/json' }, body: '{"id":"a","name":"x\\u0000y"}' })
  assert.equal(post.status, 400)
  assert.equal((await app.request('/v1/releases/a%00b?site=hamburg', { headers: bearer(keys.viewer) })).status, 400)
  assert.equal((await app.request('/v1/twins?site=a%00b', { headers: bearer(keys.viewer) })).status, 400)
})

test('a query that does not fit names its field; a misspelt parameter is told', async () => {
  const { app } = makeApp()
  const get = async (query: string) => problem(await app.request(`/v1/batches?${query}`, { headers: bearer(keys.viewer) }))
  assert.equal((await get('limit=501')).errors?.[0]?.pointer, '/limit')
  assert.equal((await get('limit=abc')).errors?.[0]?.in, 'query')
  assert.equal((await get('limit=1&limit=2')).status, 400)
  assert.match((await get('gatway=x')).detail, /gatway/)
})

test('what is away is 503 without its address; a bug is 500 without its words; both are logged', async () => {
  const { app, lines } = makeApp({ parts: { list: () => Promise.reject(new Error('secret of /var/lib at 10.0.0.1')) } })
  const away = await app.request('/v1/batches', { headers: bearer(keys.viewer) })
  assert.equal(away.status, 503)
  assert.equal(away.headers.get('retry-after'), '5')
  assert.doesNotMatch(JSON.stringify(await problem(away)), /10\.1\.2\.3|ECONN/)
  const bug = await app.request('/v1/status', { headers: bearer(keys.admin) })
  const text = JSON.stringify(await problem(bug))
  assert.equal(bug.status, 500)
  assert.doesNotMatch(text, /secret|10\.0\.0\.1|at .*\.ts/)
  const { instance } = JSON.parse(text) as Problem
  const logged = lines.find((line) => line['msg'] === 'request failed')
  assert.equal(`urn:twinward:trace:${String(logged?.['traceId'])}`, instance)
  assert.match(JSON.stringify(logged), /secret of/)
})

test('probes need no key; metrics do, unless they are open', async () => {
  const { app } = makeApp()
  assert.equal((await app.request('/healthz')).status, 200)
  assert.equal((await app.request('/readyz')).status, 503)
  assert.equal((await app.request('/metrics')).status, 401)
})
