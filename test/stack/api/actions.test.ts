import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { chunkScores } from '../../../registry/services/back-test/chunk-scores.ts'
import type { ModelActions } from '../../../registry/services/read/actions.ts'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { createJudgingSite, S, series, T0, type JudgingSite } from '../../helpers/judging.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

/** Two steps over the level, so two alerts; and nothing else. */
const vibration = (s: number): number => ((s >= 100 && s < 160) || (s >= 300 && s < 360) ? 6 : 0.5) + Math.sin(s) / 100

describe('what followed from a model version, over HTTP', () => {
  let plant: JudgingSite
  let api: TestApi
  let omar: string
  before(async () => {
    const { connections } = await useStack()
    plant = await createJudgingSite()
    api = await startTestApi({ ...connections, database: { url: plant.database.url, migrationUrl: plant.database.migrationUrl }, s3: { ...connections.s3, bucketPrefix: freshPrefix() } })
    omar = await api.keyFor(plant.site, ['operator'], 'omar')
    await plant.assign(await plant.release())
    for (const s of [0, 100, 200]) await ship(s)
  })
  after(async () => {
    await api?.stop()
    await plant?.drop()
  })

  const ship = async (s: number) => plant.close(await plant.commit({
    series: [series('pump-1/vibration', s, s + 100, vibration), series('pump-1/temperature', s, s + 100, () => 40)], completeThroughUs: T0 + (s + 100) * S,
  }))
  const model = async () => (await plant.asOwner<{ name: string; version: number }>('select name, version from model_version order by model_version_ref limit 1'))[0]!
  const actions = async (key = omar) => {
    const { name, version } = await model()
    return api.call<ModelActions>(key, 'GET', `/v1/models/${name}/versions/${version}/actions?site=${plant.site}`)
  }
  const scored = async () => Number((await plant.asOwner<{ n: string }>('select count(distinct (asset_ref, window_end)) as n from score'))[0]!.n)
  const alerts = async (query = '') => (await api.call<{ items: { id: string }[] }>(omar, 'GET', `/v1/alerts?site=${plant.site}${query}`)).body.items

  it('counts windows, alerts, work orders and outcomes by machine', async () => {
    const { status, body, text } = await actions()
    assert.equal(status, 200, text)
    assert.deepEqual(body.assets.map(({ asset }) => asset), ['pump-1'])
    assert.equal(body.total.windows, await scored())
    assert.deepEqual([body.total.alerts, body.total.workOrders, body.total.outcomes], [1, 0, { confirmed: 0, falseAlarm: 0, unclear: 0, unsaid: 1 }])
    const [first] = await alerts(`&release=${body.releases[0]}`)
    assert.ok(first)
    assert.deepEqual(await alerts('&release=pumps-r99'), [])

    const answer = (what: string, input: object = {}) => api.call(omar, 'POST', `/v1/alerts/${first.id}/${what}?site=${plant.site}`, input)
    for (const [what, input] of [['acknowledge', {}], ['work-order', {}], ['feedback', { verdict: 'confirmed' }], ['close', { reason: 'repaired' }]] as const) {
      const { status: answered, text: why } = await answer(what, input)
      assert.ok(answered < 300, `${what}: ${why}`)
    }
    const later = (await actions()).body
    assert.deepEqual([later.total.alerts, later.total.acknowledged, later.total.workOrders, later.total.workOrdersDone, later.total.outcomes],
      [1, 1, 1, 0, { confirmed: 1, falseAlarm: 0, unclear: 0, unsaid: 0 }])
    assert.deepEqual(later.assets.map(({ asset: _, firstWindow: _f, lastWindow: _l, ...followed }) => followed), [later.total])
  })

  it('is the same whether scores are packed, not yet, or in part', async () => {
    const before = (await actions()).body
    await chunkScores(plant.ctx, { site: plant.site })
    assert.deepEqual((await actions()).body, before)
    await ship(300)
    await ship(400)
    const { body } = await actions()
    assert.equal(body.total.windows, await scored())
    assert.equal(body.total.alerts, 2)
    assert.deepEqual(body.total.outcomes, { confirmed: 1, falseAlarm: 0, unclear: 0, unsaid: 1 })
    await chunkScores(plant.ctx, { site: plant.site })
    assert.deepEqual((await actions()).body, body)
    // As a keeper leaves it that was killed between packing and noting how far it is.
    await plant.asOwner('update score_chunked set through_score_id = through_score_id / 2')
    assert.deepEqual((await actions()).body, body)
    await plant.asOwner('delete from score_chunked')
    assert.deepEqual((await actions()).body, body)
  })

  it('refuses a version that is not there, and a key of another site', async () => {
    const { name } = await model()
    assert.equal((await api.call<{ type: string }>(omar, 'GET', `/v1/models/${name}/versions/99/actions?site=${plant.site}`)).body.type, 'urn:twinward:error:not_found')
    assert.ok((await api.call(api.adminKey, 'POST', '/v1/sites', { id: 'elsewhere', name: 'Elsewhere' })).status < 300)
    const elsewhere = await api.keyFor('elsewhere', ['operator'], 'otto')
    assert.equal((await actions(elsewhere)).status, 403)
  })
})
