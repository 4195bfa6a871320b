import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { consoleFiles } from '../../../api/console/static.ts'
import { bearer, keys, makeApp } from './app-fixture.ts'

describe('the console’s files', () => {
  let folder: string
  let app: ReturnType<typeof makeApp>['app']
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'twinward-console-'))
    await mkdir(path.join(folder, 'assets'))
    await writeFile(path.join(folder, 'index.html'), '<!doctype html>console')
    await writeFile(path.join(folder, 'assets', 'main-ABCD2345.js'), 'hashed')
    await writeFile(path.join(folder, 'assets', 'main.css'), 'plain')
    const console = await consoleFiles(folder)
    assert.ok(console)
    app = makeApp({ console }).app
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it('are served with their types; those with a hash in their name may be kept for ever', async () => {
    const script = await app.request('/assets/main-ABCD2345.js')
    assert.deepEqual([script.status, script.headers.get('content-type'), await script.text()], [200, 'text/javascript; charset=utf-8', 'hashed'])
    assert.match(script.headers.get('cache-control') ?? '', /immutable/)
    const style = await app.request('/assets/main.css')
    assert.deepEqual([style.headers.get('content-type'), style.headers.get('cache-control')], ['text/css; charset=utf-8', 'no-cache'])
    assert.equal((await app.request('/assets/main.css', { headers: { 'if-none-match': style.headers.get('etag') ?? '' } })).status, 304)
  })

  it('answer a page’s address with the index, also where an id holds a dot', async () => {
    for (const address of ['/', '/gates', '/twins/hamburg/pump.1']) {
      const page = await app.request(address)
      assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8'], address)
      assert.match(page.headers.get('content-security-policy') ?? '', /script-src 'self'/)
    }
  })

  it('never shadow the API, and lead nowhere else', async () => {
    assert.equal((await app.request('/v1/nowhere', { headers: bearer(keys.admin) })).headers.get('content-type'), 'application/problem+json')
    for (const address of ['/assets/nothing.js', '/favicon.ico', '/assets/..%2f..%2fetc%2fpasswd', '/assets/%2e%2e/%2e%2e/package.json']) {
      const answer = await app.request(address)
      assert.ok(answer.status === 404 || (await answer.text()).includes('console'), address)
      assert.ok(answer.status === 404 || answer.headers.get('content-type')?.startsWith('text/html'), address)
    }
    assert.equal((await app.request('/', { method: 'POST' })).status, 404)
  })

  it('are absent where the console was not built', async () => {
    assert.equal(await consoleFiles(path.join(folder, 'nothing')), undefined)
  })
})
