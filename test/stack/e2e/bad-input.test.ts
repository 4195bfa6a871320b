import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { batchLimits } from '../../../registry/domain/contract/batch.ts'
import { createMinioStore } from '../../../registry/artifacts/minio.ts'
import { waitFor } from '../../../infra/demo/wait.ts'
import { readingsBatch, type Row } from '../../helpers/ingest-plant.ts'
import { approve, foundFamily, makePeople, millBatch, millPlant, openGate, S, trainMill, type People } from '../../helpers/mill.ts'
import { settled, startTestPlatform, type TestPlatform } from '../../helpers/platform.ts'
import { connectRawGateway, type RawGateway } from '../../helpers/raw-gateway.ts'

const site = 'works'
const epoch = '00000000000000aa'
const startUs = Math.floor(Date.now() / 60_000 - 240) * 60_000_000

describe('bad input at the front doors', () => {
  let on: TestPlatform
  let gateway: RawGateway | undefined
  let sequence = 0
  /** The next one of the gateway's sequence, unless it is told another place. */
  const batch = (rows: readonly Row[], given: Parameters<typeof readingsBatch>[1] = {}) => {
    if (given.sequence === undefined) sequence++
    return readingsBatch(rows, { site, sequence, createdUs: Date.now() * 1000, ...given })
  }
  const good = (second: number): Row => ({ tag: 'mill-1/vibration', sourceUs: startUs + second * S, value: second })
  const quarantined = (code: string) => on.sql<{ tag_key: string | null; reason: string; row_count: number; site_id: string; object_key: string | null }>(
    'select tag_key, reason, row_count, site_id, object_key from quarantine where code = $1 order by quarantine_id', [code])
  const stored = async () => (await on.sql<{ value: number }>("select value from reading where tag_key = 'mill-1/vibration' order by source_time")).map(({ value }) => value)

  before(async () => {
    on = await startTestPlatform()
    await on.admin.post('/v1/assets/import', millPlant(site, ['mill-1', 'mill-2']))
    gateway = await connectRawGateway(on.platform.connections.mqtt, site, 'gw-1')
  })
  after(async () => {
    await gateway?.close()
    await (on as TestPlatform | undefined)?.stop()
  })

  describe('over MQTT', () => {
    it('keeps bytes that are no batch aside, and says so', async () => {
      for (const bytes of [Buffer.from('{"not": "arrow"}'), Buffer.alloc(0), Buffer.alloc(4096, 0xff)]) {
        const answer = await gateway!.send(bytes)
        assert.deepEqual([answer.status, answer.code, answer.sequence], ['quarantined', 'contract_broken', 0])
        assert.ok((answer.message ?? '').length > 10)
      }
      const rows = await quarantined('contract_broken')
      assert.equal(rows.length, 3)
      for (const { object_key } of rows) assert.match(object_key ?? '', /^_quarantine\/works\/gw-1\//)
    })

    it('keeps a batch without a row aside', async () => {
      const answer = await gateway!.send(emptied(batch([good(0)], { sequence: 1_000_001 })))
      assert.deepEqual([answer.status, answer.code], ['quarantined', 'contract_broken'])
    })

    it('keeps a truncated stream aside wherever it was cut', async () => {
      const whole = batch([good(0), good(1)], { sequence: 1_000_000 })
      for (const share of [0.1, 0.5]) {
        const answer = await gateway!.send(whole.subarray(0, Math.floor(whole.length * share)))
        assert.equal(answer.status, 'quarantined', `cut at ${share}: ${JSON.stringify(answer)}`)
      }
    })

    it('refuses a site nobody knows, and a header that contradicts its channel', async () => {
      const stranger = await connectRawGateway(on.platform.connections.mqtt, 'nowhere', 'gw-1')
      try {
        const answer = await stranger.send(batch([good(0)], { site: 'nowhere', sequence: 1 }))
        assert.deepEqual([answer.status, answer.code], ['quarantined', 'not_found'])
        assert.equal((await quarantined('not_found'))[0]?.site_id, '_fleet')
        const lying = await stranger.send(batch([good(0)], { sequence: 1 }))
        assert.deepEqual([lying.status, lying.code], ['quarantined', 'contract_broken'])
      } finally {
        await stranger.close()
      }
      assert.equal((await on.sql("select from raw_batch where site_id <> 'works'")).length, 0)
    })

    it('takes the good rows of a batch and quarantines each bad one with its reason', async () => {
      const hourAhead = Date.now() * 1000 + 3600 * S
      const answer = await gateway!.send(batch([
        good(1), good(2), good(3),
        { tag: 'mill-1/vibration', sourceUs: startUs + 4 * S, value: NaN },
        { tag: 'mill-1/vibration', sourceUs: hourAhead, value: 5 },
        { tag: 'mill-1/nothing', sourceUs: startUs, value: 1 }, { tag: 'mill-9/vibration', sourceUs: startUs, value: 1 },
        { tag: 'mill-1/wave', sourceUs: startUs, value: 1 },
      ]))
      assert.equal(answer.status, 'stored')
      await settled(on, site, 1)
      assert.deepEqual(await stored(), [1, 2, 3])
      for (const [code, tags] of [
        ['unknown_tag', ['mill-1/nothing', 'mill-9/vibration']], ['wrong_kind', ['mill-1/wave']],
        ['not_finite', ['mill-1/vibration']], ['future_time', ['mill-1/vibration']],
      ] as const) {
        const rows = await quarantined(code)
        assert.deepEqual(rows.map(({ tag_key }) => tag_key).sort(), tags, code)
        for (const row of rows) {
          assert.equal(row.row_count, 1)
          assert.ok(row.reason.length > 10)
        }
      }
      const shown = await on.admin.get<{ items: { code: string }[] }>('/v1/quarantine', { site, limit: 100 })
      assert.ok(new Set(shown.items.map(({ code }) => code)).size >= 5)
    })

    it('takes a repeated batch once, and keeps the first of two with one key', async () => {
      const bytes = batch([good(10)])
      assert.equal((await gateway!.send(bytes)).status, 'stored')
      assert.equal((await gateway!.send(bytes)).status, 'duplicate')
      const clash = await gateway!.send(batch([good(11)], { sequence }))
      assert.deepEqual([clash.status, clash.code], ['quarantined', 'digest_mismatch'])
      await settled(on, site, 2)
      assert.deepEqual(await stored(), [1, 2, 3, 10])
    })

    it('keeps a simulation away from a real plant', async () => {
      const answer = await gateway!.send(batch([good(12)], { mode: 'simulation' }))
      assert.deepEqual([answer.status, answer.code], ['quarantined', 'unprocessable'])
    })

    it('outlives a body far beyond the limit', async () => {
      const flood = await connectRawGateway(on.platform.connections.mqtt, site, 'gw-flood')
      try {
        // The broker or the landing zone may refuse it; either way nobody falls over.
        await Promise.race([flood.send(Buffer.alloc(batchLimits.bytes + 8 * 1024 * 1024)).then(({ status }) => { assert.equal(status, 'quarantined') }, () => undefined), new Promise((resolve) => setTimeout(resolve, 3_000).unref())])
      } finally {
        await flood.close()
      }
    })

    it('goes on as if nothing had been', async () => {
      const before = sequence
      assert.equal((await gateway!.send(batch([good(20)]))).status, 'stored')
      await settled(on, site, before + 1)
      assert.deepEqual(await stored(), [1, 2, 3, 10, 20])
      assert.deepEqual(on.platform.status().parts.filter(({ state, restarts }) => state !== 'running' || restarts > 0), [])
      const [waiting] = await on.sql<{ n: number }>("select count(*)::int as n from raw_batch where state = 'landed'")
      assert.equal(waiting?.n, 0)
      assert.equal((await on.sql('select from raw_batch where epoch = $1 and sequence = $2', [epoch, sequence])).length, 1)
    })
  })

  describe('over HTTP', () => {
    const call = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) => {
      const response = await fetch(new URL(path, on.platform.url), {
        method, headers: { authorization: `Bearer ${on.adminKey}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }, ...(body !== undefined && { body }),
      })
      return { status: response.status, type: response.headers.get('content-type') ?? '', text: await response.text() }
    }
    const refused = (answer: Awaited<ReturnType<typeof call>>, ...statuses: number[]) => {
      assert.ok(statuses.includes(answer.status), `${answer.status}: ${answer.text.slice(0, 300)}`)
      assert.match(answer.type, /^application\/problem\+json/)
      const problem = JSON.parse(answer.text) as { type: string; title: string; status: number; detail: string }
      assert.equal(problem.status, answer.status)
      assert.ok(problem.title && problem.detail && problem.type.startsWith('urn:twinward:error:'))
      assert.doesNotMatch(answer.text, /node_modules|\.ts:\d|at async|select .* from|pg_|ECONN/i)
    }

    it('answers malformed and outsized bodies with a problem document', async () => {
      refused(await call('POST', '/v1/assets/import', '{"site": '), 400)
      refused(await call('POST', '/v1/assets/import', ''), 400, 415)
      refused(await call('POST', '/v1/assets/import', '[1,2,3]'), 400, 422)
      refused(await call('POST', '/v1/assets/import', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 400)
      refused(await call('POST', '/v1/assets/import', JSON.stringify({ filler: 'x'.repeat(3 * 1024 * 1024) })), 413)
      refused(await call('POST', '/v1/families?site=works', '{"id":"mills\\u0000","name":"x"}'), 400)
    })

    it('names each wrong field', async () => {
      const document = { ...millPlant(site), tags: [{ asset: 7, name: 'No Slug!', role: '', unit: 'furlong', canonicalUnit: '1', validFrom: 'yesterday' }] }
      const answer = await call('POST', '/v1/assets/import', JSON.stringify(document))
      refused(answer, 400)
      const { errors } = JSON.parse(answer.text) as { errors: { pointer: string }[] }
      for (const field of ['asset', 'name', 'validFrom']) assert.ok(errors.some(({ pointer }) => pointer === `/tags/0/${field}`), `${field} in ${answer.text}`)
    })

    it('refuses a unit that cannot be converted', async () => {
      const { tags, ...document } = millPlant(site)
      const answer = await call('POST', '/v1/assets/import', JSON.stringify({ ...document, tags: [{ ...tags![0], name: 'odd', unit: 'm', canonicalUnit: 's' }] }))
      refused(answer, 400, 422)
    })

    it('answers what is not there with 404, and what cannot be meant with 400', async () => {
      const none = '00000000-0000-4000-8000-000000000000'
      for (const path of [`/v1/gates/${none}`, `/v1/alerts/${none}`, `/v1/operations/${none}`, '/v1/scores/999999999', '/v1/scores/x', '/v1/twins/nobody', '/v1/assets/nobody', '/v1/releases/none', '/v1/nothing', '/v1/gates/not-a-uuid']) {
        refused(await call('GET', `${path}?site=works`), 404)
      }
      for (const path of ['/v1/alerts?site=works&limit=-1', '/v1/alerts?site=works&limit=lots', '/v1/alerts?site=works&cursor=%00', '/v1/scores?site=works&asset=mill-1&from=tomorrow', '/v1/alerts?site=..%2F..']) {
        refused(await call('GET', path), 400, 404)
      }
      refused(await call('DELETE', '/v1/alerts?site=works'), 405, 404)
      refused(await call('GET', '/v1/alerts?site=elsewhere'), 404, 403)
      refused(await call('POST', `/v1/alerts/${none}/acknowledge?site=works`, '{}'), 404)
      refused(await call('POST', `/v1/gates/${none}/approve?site=works`, JSON.stringify({ evidenceDigest: '0'.repeat(64), comment: '' })), 404)
    })

    it('lets nobody in without a key, and no key in the address', async () => {
      for (const headers of [{ authorization: '' }, { authorization: 'Bearer nonsense' }, { authorization: 'Basic eDp5' }]) {
        refused(await call('GET', '/v1/alerts?site=works', undefined, headers), 401)
      }
      const answer = await fetch(new URL(`/v1/alerts?site=works&key=${on.adminKey}`, on.platform.url))
      assert.ok([400, 401].includes(answer.status))
    })
  })

  describe('in a model artifact', () => {
    let people: People
    let score = ''

    before(async () => {
      people = await makePeople(on.admin, site)
      await foundFamily(people, on.admin, site, { acknowledgeWithinSeconds: 600, escalateAfterSeconds: 900 })
      const modelled = await connectRawGateway(on.platform.connections.mqtt, site, 'gw-model')
      const batches = sequence
      try {
        assert.equal((await modelled.send(millBatch(site, 1, startUs, 600, 2100, { gateway: 'gw-model', assets: ['mill-2'] }))).status, 'stored')
        await settled(on, site, batches + 1)
        const { gate } = await trainMill(people, site)
        const open = await openGate(people.rita, site, gate)
        await approve(people.rita, site, open)
        await approve(people.ravi, site, open)
        await modelled.send(millBatch(site, 2, startUs, 2100, 2200, { gateway: 'gw-model', assets: ['mill-2'] }))
        score = await waitFor('a score', async () => (await on.sql<{ score_id: string }>('select score_id from score order by score_id limit 1'))[0]?.score_id)
      } finally {
        await modelled.close()
      }
    })

    it('is refused by its digest, and a replay says so', async () => {
      const replay = () => people.rita.post<{ class: string; firstDifference: { what: string; recomputed: unknown } | null }>(`/v1/scores/${score}/replay`, {}, { site })
      assert.equal((await replay()).class, 'exact')
      const objects = createMinioStore(on.platform.connections.s3)
      const models = await on.sql<{ artifact_key: string }>('select artifact_key from model_version')
      for (const { artifact_key } of models) {
        const bytes = Buffer.from(await objects.get('models', artifact_key))
        bytes.writeUInt8(bytes.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3)
        await overwrite(on, artifact_key, bytes)
      }
      // A process that has the model in memory needs no artifact: only a fresh one meets the corrupt bytes.
      await on.platform.restart('api')
      const answer = await replay()
      assert.equal(answer.class, 'failed')
      assert.equal(answer.firstDifference?.what, 'model')
      assert.match(String(answer.firstDifference.recomputed), /digest/)
    })
  })
})

/** The same stream whose header says that it holds nothing: our own encoder would not write one. */
function emptied(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes)
  const at = copy.indexOf('"count":1')
  assert.ok(at > 0)
  copy.write('0', at + '"count":'.length)
  return copy
}

/** Past our own store, which never writes over a content address. */
async function overwrite({ platform }: TestPlatform, key: string, bytes: Buffer): Promise<void> {
  const { Client } = await import('minio')
  const { endpoint, accessKey, secretKey, bucketPrefix, region } = platform.connections.s3
  const { hostname, port, protocol } = new URL(endpoint)
  const client = new Client({ endPoint: hostname, port: Number(port), useSSL: protocol === 'https:', accessKey, secretKey, region })
  await client.putObject(`${bucketPrefix}-models`, key, bytes)
}
