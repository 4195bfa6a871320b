import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bearer, keys, makeApp } from './app-fixture.ts'

type App = ReturnType<typeof makeApp>['app']
const json = { 'content-type': 'application/json' }
const sameOrigin = { 'sec-fetch-site': 'same-origin' }

async function signIn(app: App, key: string = keys.viewer): Promise<{ response: Response; cookie: string }> {
  const response = await app.request('/v1/session', { method: 'POST', headers: { ...json, ...sameOrigin }, body: JSON.stringify({ key }) })
  return { response, cookie: (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '' }
}

test('a key opens the API; none, a wrong one and a wrong scheme do not', async () => {
  const { app } = makeApp()
  assert.deepEqual(await (await app.request('/v1/me', { headers: bearer(keys.viewer) })).json(), { id: 'vera', roles: ['viewer'], rights: ['read'], sites: ['hamburg'] })
  for (const headers of [{}, bearer('tw_wrong'), { authorization: `Basic ${keys.viewer}` }, { authorization: 'Bearer' }, { cookie: 'twinward_session=a.b' }]) {
    const response = await app.request('/v1/me', { headers })
    assert.equal(response.status, 401)
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/)
  }
})

test('an address without an operation tells a stranger nothing', async () => {
  const { app } = makeApp()
  assert.equal((await app.request('/v1/nowhere')).status, 401)
})

test('no role, no right: 403 names the right, before anything of the request is looked at', async () => {
  const { app } = makeApp()
  const nobody = await app.request('/v1/batches?limit=nonsense', { headers: bearer(keys.nobody) })
  assert.equal(nobody.status, 403)
  const refused = await app.request('/v1/sites', { method: 'POST', headers: { ...bearer(keys.viewer), ...json }, body: 'nonsense' })
  assert.equal(refused.status, 403)
  assert.deepEqual((await refused.json() as { details: { right: string } }).details.right, 'site.write')
})

test('another site is forbidden, whether it is there or not', async () => {
  const { app } = makeApp()
  for (const path of ['/v1/batches?site=berlin', '/v1/twins?site=berlin', '/v1/actors?site=_fleet']) {
    assert.equal((await app.request(path, { headers: bearer(keys.viewer) })).status, 403, path)
  }
})

test('a key is exchanged for a cookie that scripts cannot read and other sites cannot send', async () => {
  const { app } = makeApp()
  const { response, cookie } = await signIn(app)
  assert.equal(response.status, 200)
  const set = response.headers.get('set-cookie') ?? ''
  assert.match(set, /HttpOnly/)
  assert.match(set, /SameSite=Strict/)
  assert.ok(!set.includes(keys.viewer) && !(await response.clone().text()).includes(keys.viewer))
  assert.equal((await app.request('/v1/me', { headers: { cookie } })).status, 200)
  const behindTls = await app.request('/v1/session', { method: 'POST', headers: { ...json, ...sameOrigin, 'x-forwarded-proto': 'https' }, body: JSON.stringify({ key: keys.viewer }) })
  assert.match(behindTls.headers.get('set-cookie') ?? '', /Secure/)
})

test('a session ends when its time is over, when it is tampered with, and when its key is revoked', async () => {
  const { app, pass, revoke } = makeApp()
  const { cookie } = await signIn(app)
  assert.equal((await app.request('/v1/me', { headers: { cookie: `${cookie.slice(0, -2)}xx` } })).status, 401)
  const [name, token = ''] = cookie.split('=')
  const [, signature = ''] = token.split('.')
  const forged = Buffer.from(JSON.stringify(['0'.repeat(64), 9e15])).toString('base64url')
  assert.equal((await app.request('/v1/me', { headers: { cookie: `${name}=${forged}.${signature}` } })).status, 401)
  revoke(keys.viewer)
  assert.equal((await app.request('/v1/me', { headers: { cookie } })).status, 401)
  const admin = await signIn(app, keys.admin)
  pass(9 * 3_600_000_000)
  assert.equal((await app.request('/v1/me', { headers: { cookie: admin.cookie } })).status, 401)
})

test('a write that rides on the cookie must come from our own pages', async () => {
  const { app } = makeApp()
  const { cookie } = await signIn(app)
  const write = (headers: Record<string, string>) => app.request('/v1/session', { method: 'DELETE', headers: { cookie, host: 'plant.example', ...headers } })
  for (const headers of [{}, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { origin: 'https://evil.example' }, { origin: 'null' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://plant.example' }]) {
    assert.equal((await write(headers)).status, 403, JSON.stringify(headers))
  }
  assert.equal((await write({ origin: 'http://plant.example' })).status, 204)
  const out = await write(sameOrigin)
  assert.equal(out.status, 204)
  assert.match(out.headers.get('set-cookie') ?? '', /Max-Age=0/)
})

test('signing somebody in from another site is refused', async () => {
  const { app } = makeApp()
  const response = await app.request('/v1/session', { method: 'POST', headers: { ...json, origin: 'https://evil.example' }, body: JSON.stringify({ key: keys.viewer }) })
  assert.equal(response.status, 403)
  assert.equal(response.headers.get('set-cookie'), null)
})

test('failed attempts run into a limit that a key known as good passes, and that ends', async () => {
  const { app, pass } = makeApp()
  assert.equal((await app.request('/v1/me', { headers: bearer(keys.viewer) })).status, 200)
  for (let i = 0; i < 20; i++) assert.equal((await app.request('/v1/me', { headers: bearer(`tw_guess${i}`) })).status, 401)
  const limited = await app.request('/v1/me', { headers: bearer('tw_guess21') })
  assert.equal(limited.status, 429)
  assert.ok(Number(limited.headers.get('retry-after')) > 0)
  assert.equal((await app.request('/v1/me', { headers: bearer(keys.viewer) })).status, 200)
  assert.equal((await app.request('/v1/session', { method: 'POST', headers: { ...json, ...sameOrigin }, body: JSON.stringify({ key: 'tw_guess22' }) })).status, 429)
  pass(61_000_000)
  assert.equal((await app.request('/v1/me', { headers: bearer('tw_guess23') })).status, 401)
})
