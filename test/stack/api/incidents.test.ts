import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createMinioStore } from '../../../registry/artifacts/minio.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import { startTestApi, type Answer, type TestApi } from '../../helpers/api.ts'
import { createTestCli, type TestCli } from '../../helpers/cli.ts'
import { codeOf, type Problem } from '../../helpers/governance-api.ts'
import { S, T0 } from '../../helpers/judging.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'
import { createWornSite, tamper, type WornSite } from '../../helpers/worn-site.ts'

interface Incident { id: string; state: string; asset: string | null; windows: number; goodAgain: number; acknowledged: { by: string } | null; closed: { by: string; comment: string } | null }
interface Page { items: Incident[]; nextCursor: string | null }
interface Replayed { class: string; incidents: { id: string; opened: boolean }[] }

const nobody = '00000000-0000-4000-8000-000000000000'

/** Two machines whose readings were changed behind the platform's back, over HTTP and by the CLI. */
describe('incidents over HTTP', () => {
  let worn: WornSite
  let api: TestApi
  let cli: TestCli
  const keys = {} as Record<'rita' | 'mia' | 'otto' | 'ines' | 'vera', string>
  before(async () => {
    const stack = await useStack()
    worn = await createWornSite({}, 2)
    const { site } = worn
    const s3 = { ...stack.connections.s3, bucketPrefix: freshPrefix() }
    api = await startTestApi({ ...stack.connections, database: site.database, s3 })
    const objects = createMinioStore(s3)
    await objects.ensureBuckets()
    for (const [key, bytes] of site.objects.objects) if (key.startsWith('models/')) await objects.put('models', key.slice('models/'.length), bytes)
    for (const [who, role] of [['rita', 'reliability-engineer'], ['mia', 'ml-engineer'], ['otto', 'operator'], ['ines', 'integrator'], ['vera', 'viewer']] as const) keys[who] = await api.keyFor(site.site, [role], who)
    cli = createTestCli(api.address, site.site, keys)
    assert.equal((await replay('rita', 'pump-1')).class, 'exact')
    await tamper(site, 'reading_chunk', 'update reading_chunk set vals[3] = vals[3] + 1')
  })
  after(async () => {
    cli?.remove()
    await api?.stop()
    await worn?.site.drop()
  })

  const call = <T = Problem>(who: keyof typeof keys, method: string, address: string, body?: unknown): Promise<Answer<T>> => api.call<T>(keys[who], method, address, body)
  const replay = async (who: keyof typeof keys, asset: string): Promise<Replayed> =>
    (await call<Replayed>(who, 'POST', `/v1/assets/${asset}/replay`, { from: microsToIso(T0), to: microsToIso(T0 + 100 * S) })).body
  const list = async (query = ''): Promise<Incident[]> => (await call<Page>('vera', 'GET', `/v1/incidents${query}`)).body.items

  it('are opened by a replay, listed by state, machine and kind, page by page, and counted', async () => {
    const [one] = (await replay('ines', 'pump-1')).incidents
    const [other] = (await replay('rita', 'pump-2')).incidents
    assert.deepEqual([one?.opened, other?.opened], [true, true])
    assert.deepEqual((await list()).map(({ id }) => id), [other!.id, one!.id])
    assert.deepEqual((await list('?asset=pump-1&state=unclosed&kind=replay-failed')).map(({ id }) => id), [one!.id])
    assert.deepEqual(await list('?state=closed'), [])
    const first = (await call<Page>('vera', 'GET', '/v1/incidents?limit=1')).body
    const second = (await call<Page>('vera', 'GET', `/v1/incidents?limit=1&cursor=${first.nextCursor}`)).body
    assert.deepEqual([first.items[0]?.id, second.items[0]?.id, second.nextCursor], [other!.id, one!.id, null])
    for (const bad of ['state=lost', 'kind=fire', 'cursor=x', 'limit=0', 'colour=red']) assert.deepEqual(codeOf(await call('vera', 'GET', `/v1/incidents?${bad}`)), [400, 'invalid'], bad)
    assert.deepEqual((await call<{ unclosedIncidents: number }>('vera', 'GET', '/v1/status')).body.unclosedIncidents, 2)
    const metrics = await fetch(`${api.address}/metrics`, { headers: { authorization: `Bearer ${api.adminKey}` } })
    assert.match(await metrics.text(), /twinward_backlog\{what="incidentsOpen"\} 2/)
    assert.equal((await api.call<{ id: string }>(api.adminKey, 'GET', `/v1/incidents/${one!.id}`)).body.id, one!.id, 'to a key of all sites its id is enough')
  })

  it('are refused where they are not there, without a finding, and to who has not the right', async () => {
    const [{ id }] = await list('?asset=pump-1') as [Incident]
    for (const verb of ['acknowledge', 'close']) {
      assert.deepEqual(codeOf(await call('rita', 'POST', `/v1/incidents/${nobody}/${verb}`, { comment: 'x' })), [404, 'not_found'])
      assert.deepEqual(codeOf(await call('rita', 'POST', `/v1/incidents/that-one/${verb}`, { comment: 'x' })), [404, 'not_found'])
      for (const who of ['otto', 'ines', 'vera'] as const) assert.deepEqual(codeOf(await call(who, 'POST', `/v1/incidents/${id}/${verb}`, { comment: 'x' })), [403, 'forbidden'])
    }
    assert.deepEqual(codeOf(await call('rita', 'GET', `/v1/incidents/${nobody}`)), [404, 'not_found'])
    for (const body of [{}, { comment: '' }, { comment: '  ' }, { comment: 7 }, { comment: 'x'.repeat(4001) }, { comment: 'x', state: 'closed' }]) {
      assert.deepEqual(codeOf(await call('rita', 'POST', `/v1/incidents/${id}/close`, body)), [400, 'invalid'], JSON.stringify(body).slice(0, 60))
    }
    assert.equal((await list('?asset=pump-1'))[0]?.state, 'open')
  })

  it('are closed by one of two, and the other is told by whom and with what', async () => {
    const [{ id }] = await list('?asset=pump-1') as [Incident]
    assert.equal((await call('mia', 'POST', `/v1/incidents/${id}/acknowledge`, {})).status, 200)
    const finding = { comment: 'somebody changed a chunk by hand' }
    const answers = await Promise.all([call('rita', 'POST', `/v1/incidents/${id}/close`, finding), call('mia', 'POST', `/v1/incidents/${id}/close`, { comment: 'a broken disk' })])
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409])
    const [{ closed }] = await list('?asset=pump-1') as [Incident]
    const refused = answers.find(({ status }) => status === 409) as Answer<Problem>
    assert.deepEqual(codeOf(refused), [409, 'conflict'])
    assert.ok(refused.body.detail.includes(`closed by ${closed?.by}`) && refused.body.detail.includes(closed?.comment ?? '?'), refused.body.detail)
    const again = await call<{ repeated: boolean }>(closed?.by as 'rita' | 'mia', 'POST', `/v1/incidents/${id}/close`, { comment: closed?.comment })
    assert.deepEqual([again.status, again.body.repeated], [200, true])
    assert.deepEqual(codeOf(await call('rita', 'POST', `/v1/incidents/${id}/acknowledge`, {})), [409, 'conflict'])
  })

  it('are looked at and closed by the CLI, which says what a replay opened', async () => {
    const time = `--from ${microsToIso(T0)} --to ${microsToIso(T0 + 100 * S)}`
    const ran = await cli.run('rita', `replay --asset pump-1 ${time}`)
    assert.equal(ran.exitCode, 1)
    const [, id] = /It opened an incident: twinward incidents show (\S+)/.exec(ran.out) ?? []
    assert.ok(id, ran.out)
    assert.match((await cli.run('rita', `replay --asset pump-1 ${time}`)).out, new RegExp(`It counts towards an open incident: twinward incidents show ${id}`))
    assert.match(await cli.says('vera', 'incidents'), new RegExp(`${id}.*open.*pump-1.*${worn.release}.*feature vibration_`))
    assert.equal((await cli.json<Page>('vera', 'incidents list --all')).items.length, 3)
    assert.deepEqual((await cli.json<Page>('vera', 'incidents list --state closed --asset pump-1')).items.map(({ state }) => state), ['closed'])
    assert.match(await cli.says('vera', `incidents show ${id}`), /said of pump-1 does not replay[^]*\(open\)[^]*stored .*, recomputed [^]*opened .* by rita; shown by 2 replays[^]*score \d+ {2}pump-1[^]*twinward replay \d+/)
    assert.match((await cli.run('vera', 'status')).out, /2 incidents that nobody has closed: twinward incidents/)
    assert.match(await cli.says('mia', `incidents acknowledge ${id} --comment`, 'looking into it'), /Acknowledged; it stays open/)
    assert.match(await cli.says('rita', `incidents acknowledge ${id}`), /Somebody has it in hand already/)
    await tamper(worn.site, 'reading_chunk', 'update reading_chunk set vals[3] = vals[3] - 1')
    assert.match(await cli.says('rita', `replay --asset pump-1 ${time}`), /^Replay: exact/)
    assert.match(await cli.says('vera', `incidents show ${id}`), /in hand: mia, .*looking into it[^]*all good when replayed last/)
    assert.deepEqual([(await cli.run('rita', `incidents close ${id}`)).exitCode, (await cli.run('otto', `incidents close ${id} --comment x`)).exitCode], [2, 1])
    assert.match(await cli.says('rita', `incidents close ${id} --comment`, 'put back from a backup'), /Closed; a replay that fails again opens a new one/)
    assert.match(await cli.says('rita', `incidents close ${id} --comment`, 'put back from a backup'), /closed already/)
    const other = await cli.run('mia', `--json incidents close ${id} --comment x`)
    assert.deepEqual([other.exitCode, (JSON.parse(other.out) as { error: { code: string } }).error.code], [1, 'conflict'])
    assert.doesNotMatch(await cli.says('vera', 'incidents'), new RegExp(id))
    assert.deepEqual(api.errors, [])
  })
})
