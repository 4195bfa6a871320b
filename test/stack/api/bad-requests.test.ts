import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import pg from 'pg'
import { sha256Hex } from '../../../registry/domain/canonical.ts'
import { assetImportExample } from '../../../registry/domain/contract/hierarchy.ts'
import { startTestApi, type Answer, type TestApi } from '../../helpers/api.ts'
import { freshDatabase, freshPrefix, useStack, type TestDatabase } from '../../helpers/stack.ts'

const NOBODYS = '00000000-0000-4000-8000-000000000000'
const plant = (site: string) => ({
  ...assetImportExample, site: { id: site, name: site }, assets: assetImportExample.assets?.map((asset) => ({ ...asset, owner: null })),
})

describe('bad requests over HTTP', () => {
  let database: TestDatabase
  let api: TestApi
  let viewer: string
  before(async () => {
    const stack = await useStack()
    database = await freshDatabase(stack)
    api = await startTestApi({ ...stack.connections, database, s3: { ...stack.connections.s3, bucketPrefix: freshPrefix() } })
    for (const site of ['hamburg', 'berlin']) assert.equal((await api.call(api.adminKey, 'POST', '/v1/assets/import', plant(site))).status, 200)
    viewer = await api.keyFor('hamburg', ['viewer'])
  })
  after(async () => {
    await api?.stop()
    await database?.drop()
  })

  it('refuses no key, a wrong one, an expired one and a revoked one alike', async () => {
    const issued = await api.call<{ id: string; key: string }>(api.adminKey, 'POST', '/v1/api-keys?site=_fleet', { actor: 'admin', label: 'short' })
    assert.equal((await api.call(issued.body.key, 'GET', '/v1/me')).status, 200)
    assert.equal((await api.call(api.adminKey, 'POST', `/v1/api-keys/${issued.body.id}/revoke?site=_fleet`)).status, 200)
    const texts = new Set<unknown>()
    for (const key of [issued.body.key, `tw_${'A'.repeat(43)}`]) {
      const answer = await api.call(key, 'GET', '/v1/me')
      assert.equal(answer.status, 401)
      texts.add(answer.body['detail'])
    }
    assert.equal(texts.size, 1)
    assert.equal((await api.call(null, 'GET', '/v1/me')).status, 401)
    assert.equal((await api.call(api.adminKey, 'POST', '/v1/api-keys?site=_fleet', { actor: 'admin', label: 'past', expiresAt: '2020-01-01T00:00:00Z' })).status, 400)
  })

  it('says which site when a key covers several, and refuses one that is not there', async () => {
    const ambiguous = await api.call<{ type: string; details: { parameter: string; sites: string[] } }>(api.adminKey, 'GET', '/v1/batches')
    assert.equal(ambiguous.body.type, 'urn:twinward:error:ambiguous')
    assert.deepEqual(ambiguous.body.details, { parameter: 'site', sites: ['berlin', 'hamburg'] })
    assert.equal((await api.call(api.adminKey, 'GET', '/v1/batches?site=atlantis')).status, 404)
    assert.equal((await api.call(api.adminKey, 'GET', "/v1/batches?site=';drop")).status, 400)
    assert.equal((await api.call(viewer, 'GET', '/v1/batches?site=berlin')).status, 403)
    assert.equal((await api.call(viewer, 'GET', '/v1/batches')).status, 200)
    const twins = await api.call<{ items: { site: string }[] }>(api.adminKey, 'GET', '/v1/twins')
    assert.deepEqual(twins.body.items.map(({ site }) => site), ['berlin', 'hamburg'])
    assert.deepEqual((await api.call<{ items: { site: string }[] }>(viewer, 'GET', '/v1/twins')).body.items.map(({ site }) => site), ['hamburg'])
  })

  it('never answers 500 and never leaks, whatever is asked', async () => {
    const document = (await api.call<{ paths: Record<string, Record<string, unknown>> }>(null, 'GET', '/openapi.json')).body
    const ids = ['x', NOBODYS, '0', '-1', '99999999999999999999999', '%27%3B--', '..%2f..%2fetc', 'a'.repeat(300), '%F0%9F%92%A9']
    const queries = ['', '?limit=0', '?limit=1e9', '?cursor=AAAA', `?cursor=${Buffer.from('["x","y"]').toString('base64url')}`,
      `?cursor=${Buffer.from('[9e99,"x"]').toString('base64url')}`, '?from=yesterday', '?from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z&tag=pump-1/motor-temp&asset=pump-1',
      '?tag=pump-1/motor-temp&from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z', '?tag=pump-1/nope&asset=nope&score=1', '?asOf=-1&tag=pump-1/motor-temp',
      '?asset=pump-1&featureSet=a@b', '?points=0&tag=pump-1/motor-temp', '?state=nope', '?at=2026-13-45T00:00:00Z']
    const bodies = ['', '{', 'null', '[]', '"x"', '{}', '{"id":{}}', JSON.stringify({ id: 'x'.repeat(100_000) }), '{"__proto__":{"a":1}}',
      '{"kind":"retrain-model","family":"nope"}', '{"kind":"check-drift","family":"cooling-pumps"}', '{"release":"nope","reason":"r"}',
      `{"evidenceDigest":"${'0'.repeat(64)}"}`, '{"reason":"r","requestId":"1"}', '{"verdict":"accepted"}', '{"forSeconds":1e400,"reason":"r"}',
      '{"actor":"nope","label":"x"}', '{"url":"javascript:alert(1)","events":["*"]}', '{"url":"http://u:p@h/","events":["*"]}']
    const leaks = /\bat .+\.ts:\d+|node_modules|select .+ from|pg_|relation "|violates|syntax error|127\.0\.0\.1|postgres:|ECONN|(Type|Range|Syntax|Reference|Assertion)Error/
    const tries: { method: string; address: string; body: string | undefined }[] = []
    for (const [pattern, methods] of Object.entries(document.paths)) {
      const addresses = pattern.includes('{') ? ids.map((id) => pattern.replaceAll(/\{[^}]+\}/g, id)) : [pattern]
      const at = (address: string) => (pattern === '/v1/session' ? address : `${address}${address.includes('?') ? '&' : '?'}site=hamburg`)
      if (Object.hasOwn(methods, 'get')) {
        for (const address of addresses.length > 1 ? addresses : queries.map((query) => pattern + query)) tries.push({ method: 'GET', address: at(address), body: undefined })
      }
      for (const method of ['post', 'patch'].filter((name) => Object.hasOwn(methods, name))) {
        for (const address of addresses.slice(0, 2)) for (const body of bodies) tries.push({ method: method.toUpperCase(), address: at(address), body })
      }
    }
    const check = async ({ method, address, body }: (typeof tries)[number]) => {
      const what = `${method} ${address} ${body?.slice(0, 80) ?? ''}`
      const answer = await api.call(api.adminKey, method, address, body)
      assert.ok(answer.status < 500, `${what} → ${answer.status} ${answer.text.slice(0, 300)}`)
      if (answer.status < 400) return
      assert.equal(answer.headers.get('content-type'), 'application/problem+json', what)
      assert.doesNotMatch(answer.text, leaks, what)
    }
    for (let i = 0; i < tries.length; i += 8) await Promise.all(tries.slice(i, i + 8).map(check))
    assert.ok(tries.length > 500)
    assert.deepEqual(api.errors.map((line) => (line['err'] as { message?: string } | undefined)?.message ?? line['msg']), [])
  })

  it('takes a huge body for what it is', async () => {
    const answer = await api.call(api.adminKey, 'POST', '/v1/assets/import', `{"site":{"id":"x","name":"${'y'.repeat(2_000_000)}"}}`)
    assert.equal(answer.status, 413)
    assert.equal(answer.body['type'], 'urn:twinward:error:too_large')
  })

  it('does a thing once for an Idempotency-Key, and tells the same answer again', async () => {
    const headers = { 'idempotency-key': 'make-nora' }
    const nora = { id: 'nora', name: 'Nora', roles: ['viewer'] }
    const first = await api.call(api.adminKey, 'POST', '/v1/actors?site=hamburg', nora, headers)
    const again = await api.call(api.adminKey, 'POST', '/v1/actors?site=hamburg', nora, headers)
    assert.deepEqual([first.status, again.status], [201, 201])
    assert.deepEqual(again.body, first.body)
    assert.equal(again.headers.get('idempotency-replayed'), 'true')
    const other = await api.call(api.adminKey, 'POST', '/v1/actors?site=hamburg', { ...nora, id: 'nils' }, headers)
    assert.equal(other.status, 422)
    assert.equal(other.body['type'], 'urn:twinward:error:idempotency_conflict')
    assert.equal((await api.call(api.adminKey, 'POST', '/v1/actors?site=hamburg', nora)).status, 409, 'without the key it is done anew, and refused')
  })

  it('lets a refused request be tried again under its key', async () => {
    const headers = { 'idempotency-key': 'key-for-nobody' }
    const ask = { actor: 'olga', label: 'x' }
    assert.equal((await api.call(api.adminKey, 'POST', '/v1/api-keys?site=hamburg', ask, headers)).status, 404)
    await api.call(api.adminKey, 'POST', '/v1/actors?site=hamburg', { id: 'olga', name: 'Olga', roles: ['viewer'] })
    assert.equal((await api.call(api.adminKey, 'POST', '/v1/api-keys?site=hamburg', ask, headers)).status, 201)
    const repeated = await api.call(api.adminKey, 'POST', '/v1/api-keys?site=hamburg', ask, headers)
    assert.equal(repeated.status, 409, 'a secret is shown once')
    assert.doesNotMatch(repeated.text, /tw_/)
  })

  it('lets one of many equal requests at once do the work', async () => {
    const nils = { id: 'nils', name: 'Nils', roles: ['viewer'] }
    const answers = await Promise.all(Array.from({ length: 8 }, () => api.call(api.adminKey, 'POST', '/v1/actors?site=hamburg', nils, { 'idempotency-key': 'make-nils' })))
    assert.ok(answers.some(({ status }) => status === 201))
    for (const { status, body, text } of answers) {
      assert.ok(status === 201 || (status === 409 && body['type'] === 'urn:twinward:error:in_progress'), text)
    }
  })

  it('lets a repetition through when the process that took its key is long dead, and until then says to repeat it', async () => {
    const nele = { id: 'nele', name: 'Nele', roles: ['viewer'] }
    const target = '/v1/actors?site=hamburg'
    const ask = () => api.call(api.adminKey, 'POST', target, nele, { 'idempotency-key': 'make-nele' })
    const owner = new pg.Client({ connectionString: database.adminUrl })
    await owner.connect()
    try {
      await owner.query("insert into idempotency_record (site_id, actor_id, key, request_digest) values ('hamburg', 'admin', 'make-nele', $1)", [sha256Hex(`POST ${target}\n${JSON.stringify(nele)}`)])
      const early = await ask()
      assert.deepEqual([early.status, early.body['type']], [409, 'urn:twinward:error:in_progress'])
      await owner.query("update idempotency_record set created_at = now() - interval '3 minutes' where key = 'make-nele'")
      assert.equal((await ask()).status, 201)
    } finally {
      await owner.end()
    }
  })

  it('pages through a list without missing or repeating anything', async () => {
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const { body }: Answer<{ items: { id: string }[]; nextCursor: string | null }> = await api.call(
        api.adminKey, 'GET', `/v1/actors?site=hamburg&limit=2${cursor === null ? '' : `&cursor=${cursor}`}`)
      assert.ok(body.items.length <= 2)
      seen.push(...body.items.map(({ id }) => id))
      cursor = body.nextCursor
    } while (cursor !== null)
    const whole = await api.call<{ items: { id: string }[] }>(api.adminKey, 'GET', '/v1/actors?site=hamburg&limit=500')
    assert.deepEqual(seen, whole.body.items.map(({ id }) => id))
    assert.ok(seen.length >= 4)
  })

  it('serves metrics to those who may read, in Prometheus’ form', async () => {
    const response = await fetch(`${api.address}/metrics`, { headers: { authorization: `Bearer ${viewer}` } })
    const text = await response.text()
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain/)
    assert.match(text, /twinward_http_request_duration_seconds_count\{method="GET",route="\/v1\/twins",status="200"\}/)
    assert.match(text, /twinward_backlog\{what="batchesLanded"\} 0/)
  })
})
