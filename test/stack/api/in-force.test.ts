import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import type { TestApi } from '../../helpers/api.ts'
import { startGovernanceApi, type GovernanceApi, type GovernancePerson } from '../../helpers/governance-api.ts'
import { until, type GovernanceSite } from '../../helpers/governance.ts'

interface InForce {
  role: string; scope: string; from: string; release: { id: string; digest: string }; model: { name: string; version: number }
  approval: {
    gate: string; ofThisAssignment: boolean; approvers: { actor: string; roles: string[]; at: string }[]; evidenceDigest: string
    emergency: { by: string; reason: string; review: string; due: string } | null
  } | null
  because?: string; overrules?: { scope: string; release: string }[]
}
type List = { items: InForce[] }

describe('what is in force, over HTTP', () => {
  let plant: GovernanceSite
  let api: TestApi
  let keys: GovernanceApi<GovernancePerson>['keys']
  let desk: GovernanceApi<GovernancePerson>
  before(async () => {
    desk = await startGovernanceApi();
    ({ plant, api, keys } = desk)
  })
  after(() => desk?.end())

  const promote = async (scope?: { kind: string; id: string }) => {
    const { release } = await plant.release()
    const asked = await api.call<{ gate: string }>(keys.mia, 'POST', '/v1/gates', { release, reason: 'better', ...(scope && { scope }) })
    assert.equal(asked.status, 202, asked.text)
    const { gate } = asked.body
    const evidenceDigest = await until('the gate opens', async () => (await api.call<{ evidenceDigest: string | null }>(keys.rita, 'GET', `/v1/gates/${gate}`)).body.evidenceDigest)
    assert.equal((await api.call(keys.rita, 'POST', `/v1/gates/${gate}/approve`, { evidenceDigest })).status, 200)
    return { release, gate, evidenceDigest }
  }
  const ofFamily = async (at?: string) => (await api.call<List>(keys.vera, 'GET', `/v1/families/${plant.family}/in-force${at === undefined ? '' : `?at=${at}`}`)).body.items
  const ofAsset = async (asset: string, at?: string) => (await api.call<List>(keys.vera, 'GET', `/v1/assets/${asset}/in-force${at === undefined ? '' : `?at=${at}`}`)).body.items

  it('names release, approvers and evidence, of a family and of one asset, now and then', async () => {
    assert.deepEqual(await ofFamily(), [])
    const first = await promote()
    const [item] = await ofFamily()
    assert.ok(item)
    assert.deepEqual([item.release.id, item.role, item.scope, item.model.name], [first.release, 'champion', `family:${plant.family}`, 'pumps'])
    assert.deepEqual(
      [item.approval?.gate, item.approval?.ofThisAssignment, item.approval?.evidenceDigest, item.approval?.approvers.map(({ actor, roles }) => [actor, roles])],
      [first.gate, true, first.evidenceDigest, [['rita', ['reliability-engineer']]]])

    assert.equal(item.approval?.emergency, null)
    const [decided] = await plant.asOwner<{ us: string }>('select (extract(epoch from decided_at) * 1000000)::bigint as us from gate_decision where gate_id = $1', [first.gate])
    assert.equal(item.approval?.approvers[0]?.at, microsToIso(Number(decided!.us)), 'to the microsecond')

    const special = await promote({ kind: 'asset', id: 'pump-1' })
    const [narrow, ...more] = await ofAsset('pump-1')
    assert.deepEqual([narrow?.release.id, narrow?.because, narrow?.overrules?.map(({ scope, release }) => [scope, release]), more],
      [special.release, 'assigned to this very asset; the narrower scope wins', [[`family:${plant.family}`, first.release]], []])
    const [wide] = await ofAsset('pump-2')
    assert.deepEqual([wide?.release.id, wide?.because, wide?.overrules], [first.release, `assigned to its family ${plant.family}`, []])

    const second = await promote()
    assert.equal((await ofAsset('pump-2'))[0]?.release.id, second.release)
    assert.deepEqual((await ofAsset('pump-2', item.from)).map(({ release }) => release.id), [first.release])
    assert.deepEqual((await ofFamily(item.from)).map(({ release }) => release.id), [first.release])
    assert.deepEqual(await ofFamily('2001-01-01T00:00:00Z'), [])
  })

  it('says by which gate a release was let in that a roll back put there again', async () => {
    const before = await ofFamily()
    const newest = before.find(({ scope }) => scope.startsWith('family:'))
    assert.equal((await api.call(keys.rita, 'POST', `/v1/families/${plant.family}/roll-back`, { reason: 'worse', requestId: 'back-1' })).status, 200)
    const back = (await ofFamily()).find(({ scope }) => scope.startsWith('family:'))
    assert.notEqual(back?.release.id, newest?.release.id)
    assert.deepEqual([back?.approval?.ofThisAssignment, back?.approval?.approvers.map(({ actor }) => actor)], [false, ['rita']])
    assert.notEqual(back?.approval?.gate, newest?.approval?.gate)
  })

  it('says who let it in alone, why, and what came of the review', async () => {
    await plant.govern({ 'promote-model': { emergency: { roles: ['reliability-engineer'], reviewWithinSeconds: 3600 } } })
    const { release } = await plant.release()
    const { gate } = (await api.call<{ gate: string }>(keys.mia, 'POST', '/v1/gates', { release, reason: 'better' })).body
    const evidenceDigest = await plant.whenOpen(gate)
    const declared = await api.call<{ review: { due: string } }>(keys.rita, 'POST', `/v1/gates/${gate}/approve-in-emergency`, { evidenceDigest, reason: 'The pumps run dry.' })
    assert.equal(declared.status, 200, declared.text)
    const emergency = async () => (await ofFamily()).find((item) => item.release.id === release)?.approval?.emergency
    const { due } = declared.body.review
    assert.deepEqual(await emergency(), { by: 'rita', reason: 'The pumps run dry.', review: 'due', due })
    assert.equal((await api.call(keys.ron, 'POST', `/v1/gates/${gate}/review`, { verdict: 'confirm', evidenceDigest, comment: 'seen' })).status, 200)
    assert.deepEqual(await emergency(), { by: 'rita', reason: 'The pumps run dry.', review: 'confirmed', due })
  })

  it('refuses an unknown family, an unknown asset, an asset before its time, and a malformed instant', async () => {
    for (const [path, status] of [
      ['/v1/families/nobody/in-force', 404], ['/v1/assets/nobody/in-force', 404], ['/v1/assets/pump-1/in-force?at=1970-01-01T00:00:00Z', 404],
      [`/v1/families/${plant.family}/in-force?at=yesterday`, 400],
    ] as const) assert.equal((await api.call(keys.vera, 'GET', path)).status, status, path)
  })
})
