import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { PolicyInput } from '../../../registry/domain/policy/policy.ts'
import { openGateWith } from '../../../registry/services/gates/open-gate.ts'
import { usToTimestamp } from '../../../registry/store/sql-time.ts'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { createJudgingSite, S, series, T0, testPolicy, type JudgingSite } from '../../helpers/judging.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

interface Change { asset: string; raised: string; score: string | null; alert: string | null }
interface Preview { release: string; comparison: { alerts: Record<string, number>; gained: Change[]; moved: (Change & { shiftSeconds: number })[] } }
interface Point { raiseAt: number; clearAt: number; alerts: number; alertsPerDay: number; caught: number | null; inTime: number | null }
interface Suggestion { rule: string; before: { raiseAt: number }; chosen: Point; tradeOff: Point[]; proposal: { policyVersion: number; release: string; gate: string } | null }
interface Gate { state: string; closedBecause: string | null; evidenceAge: { frozenAt: string; days: number; commitsBehind: number | null } | null; requestedBy: string; expiresAt: string; reason: string }

/** Steps to 6, a ramp to 8, a plateau of 4, and nothing else: under the policy in force two alerts. */
const vibration = (s: number): number => (s >= 100 && s < 160 ? 6 : s >= 200 && s < 260 ? ((s - 200) / 60) * 8 : s >= 300 && s < 340 ? 4 : 0.5) + Math.sin(s) / 100

describe('policies tried on stored scores, over HTTP', () => {
  let plant: JudgingSite
  let api: TestApi
  let rita: string
  let vera: string
  before(async () => {
    const { connections } = await useStack()
    plant = await createJudgingSite()
    api = await startTestApi({ ...connections, database: { url: plant.database.url, migrationUrl: plant.database.migrationUrl }, s3: { ...connections.s3, bucketPrefix: freshPrefix() } })
    rita = await api.keyFor(plant.site, ['reliability-engineer'], 'rita')
    vera = await api.keyFor(plant.site, ['viewer'], 'vera')
    await plant.assign(await plant.release())
    await ship(0)
    for (const s of [100, 200, 300]) await ship(s)
  })
  after(async () => {
    await api?.stop()
    await plant?.drop()
  })

  const ship = async (s: number) => plant.close(await plant.commit({
    series: [series('pump-1/vibration', s, s + 100, vibration), series('pump-1/temperature', s, s + 100, () => 40)], completeThroughUs: T0 + (s + 100) * S,
  }))
  const ask = <T>(what: string, body: unknown, key = rita, family = plant.family) => api.call<T & { detail: string }>(key, 'POST', `/v1/families/${family}/${what}?site=${plant.site}`, body)
  const candidate = (rule: Partial<PolicyInput['rules'][number]>, more: PolicyInput['rules'] = []): PolicyInput => ({ ...testPolicy, version: 7, rules: [{ ...testPolicy.rules[0]!, ...rule }, ...more] })
  const count = async (table: string) => Number((await plant.asOwner<{ n: string }>(`select count(*) as n from ${table}`))[0]!.n)

  it('shows what a policy would have changed, and registers nothing', async () => {
    const before = await Promise.all(['policy', 'release', 'gate', 'ledger_entry'].map(count))
    const { status, body, text } = await ask<Preview>('policy-preview', { definition: candidate({ raiseAt: 3.5, clearAt: 2 }) })
    assert.equal(status, 200, text)
    assert.deepEqual(body.comparison.alerts, { before: 2, after: 3, kept: 1, moved: 1, gained: 1, lost: 0 })
    assert.ok(body.comparison.moved[0]!.shiftSeconds < 0)
    const { status: found } = await api.call(rita, 'GET', `/v1/scores/${body.comparison.gained[0]!.score}?site=${plant.site}`)
    assert.equal(found, 200, 'the score behind a gained alert can be looked into')
    assert.deepEqual(await Promise.all(['policy', 'release', 'gate', 'ledger_entry'].map(count)), before)
  })

  it('refuses what cannot be tried, and says why', async () => {
    const refused = async (definition: unknown, status: number, why: RegExp, family = plant.family, key = rita) => {
      const answer = await ask('policy-preview', { definition }, key, family)
      assert.equal(answer.status, status, answer.text)
      assert.match(answer.text, why)
    }
    await refused(candidate({ raiseAt: 3, clearAt: 4 }), 400, /clear level must lie on the safe side, so set clearAt below 3/)
    await refused(candidate({}, [{ ...testPolicy.rules[0]!, id: 'second', raiseAt: 4.5, clearAt: 3.5 }]), 400, /band 3\.5–4\.5 of rule \\"second\\" overlaps 4–5/)
    await refused(candidate({ signal: 'feature:nothing' }), 422, /rule wear watches feature:nothing, which the feature set/)
    await refused(candidate({}), 404, /no asset family pumpz; it has pumps/, 'pumpz')
    await refused(candidate({}), 403, /policy\.write/, plant.family, vera)
  })

  it('seeks a level for a wanted load, shows what was tried, and opens a gate that changes nothing', async () => {
    const told = await ask<Suggestion>('policy-suggestions', { alertsPerDay: 1, propose: false })
    assert.equal(told.status, 200, told.text)
    assert.equal(told.body.proposal, null)
    const { chosen, tradeOff, rule } = told.body
    assert.equal(rule, 'wear')
    assert.ok(chosen.alertsPerDay <= 1 && chosen.alerts === Math.max(...tradeOff.filter((point) => point.alertsPerDay <= 1).map((point) => point.alerts)))
    assert.ok(tradeOff.length > 10 && tradeOff.some((point) => point.raiseAt === 5 && point.alerts === 2), 'the level in force is on the curve')
    assert.deepEqual(tradeOff.map((point) => point.raiseAt), tradeOff.map((point) => point.raiseAt).sort((a, b) => a - b))
    assert.equal(await count('gate'), 0)
    const tried = await ask<Preview>('policy-preview', { definition: candidate({ raiseAt: chosen.raiseAt, clearAt: chosen.clearAt }) })
    assert.equal(tried.body.comparison.alerts['after'], chosen.alerts, 'the curve says what a preview says')

    // Whoever asks for it owns the family, and the owner must approve: nobody ever could, so the gate is refused.
    await plant.asOwner(`update family set owner_id = 'rita', governance = jsonb_set(governance, '{approve-policy,ownerMustApprove}', 'true')`)
    const kept = await Promise.all(['policy', 'release', 'gate', 'ledger_entry', 'audit_entry'].map(count))
    assert.equal((await ask('policy-suggestions', { alertsPerDay: 1 })).status, 400)
    assert.deepEqual(await Promise.all(['policy', 'release', 'gate', 'ledger_entry', 'audit_entry'].map(count)), kept, 'all of it or none')
    await plant.asOwner(`update family set owner_id = null, governance = jsonb_set(governance, '{approve-policy,ownerMustApprove}', 'false')`)

    const asked = await ask<Suggestion>('policy-suggestions', { alertsPerDay: 1 })
    assert.equal(asked.status, 200, asked.text)
    const { proposal } = asked.body
    const gate = await api.call<Gate & { kind: string; release: string }>(rita, 'GET', `/v1/gates/${proposal!.gate}`)
    assert.deepEqual([gate.body.kind, gate.body.state, gate.body.release, gate.body.requestedBy], ['approve-policy', 'collecting', proposal!.release, 'rita'])
    assert.match(gate.body.reason, /^Suggested for at most 1 alerts a day: wear raises at/)
    assert.deepEqual((await plant.asOwner<{ release_id: string }>('select release_id from assignment join release using (release_ref) where upper_inf(valid)')).map((row) => row.release_id), ['pumps-r1'])
    const again = await ask<Suggestion>('policy-suggestions', { alertsPerDay: 1 })
    assert.equal(again.status, 409, 'it waits already')
    assert.equal(await count('policy'), 2)
  })

  it('seeks a level for a wanted lead, where failures are recorded', async () => {
    const none = await ask('policy-suggestions', { leadHours: 0.005, propose: false })
    assert.equal(none.status, 422, none.text)
    assert.match(none.text, /no failure is recorded/)
    await plant.asOwner(`insert into maintenance_event (site_id, asset_ref, kind, during, recorded_by)
      select site_id, asset_ref, 'failure', tstzrange(${usToTimestamp('$1')}, ${usToTimestamp('$1')}, '[]'), 'test' from asset`, [T0 + 255 * S])
    const { status, body, text } = await ask<Suggestion>('policy-suggestions', { leadHours: 0.005, propose: false })
    assert.equal(status, 200, text)
    assert.equal(body.chosen.inTime, 1)
    assert.ok(body.tradeOff.every((point) => point.inTime !== 1 || point.alerts >= body.chosen.alerts), 'no quieter level does it too')
    assert.equal((await ask('policy-suggestions', { leadHours: 100, propose: false })).status, 422)
    for (const wanted of [{}, { alertsPerDay: 1, leadHours: 1 }]) assert.equal((await ask('policy-suggestions', { ...wanted, propose: false })).status, 400)
    const other = await ask('policy-suggestions', { alertsPerDay: 1, rule: 'weer', propose: false })
    assert.equal(other.status, 404)
    assert.match(other.text, /has no rule weer; it has wear/)
  })

  it('says how old evidence is, and computes it anew at a gate that takes the place of the former', async () => {
    const [{ gate_id: gate }] = await plant.asOwner<{ gate_id: string }>('select gate_id from gate') as [{ gate_id: string }]
    const recompute = (id: string) => api.call<{ gate: string; replaces: string; detail: string }>(rita, 'POST', `/v1/gates/${id}/recompute`, {})
    assert.equal((await recompute(gate)).status, 409, 'it still collects')
    await openGateWith(plant.ctx, { site: plant.site, gate }, { commitNumber: 4, body: { kind: 'test' } })
    await ship(400)
    const read = async (id: string) => (await api.call<Gate>(rita, 'GET', `/v1/gates/${id}`)).body
    const old = await read(gate)
    assert.equal(old.evidenceAge?.commitsBehind, 1)
    assert.ok(old.evidenceAge.days >= 0 && old.evidenceAge.days < 1)
    const { status, body, text } = await recompute(gate)
    assert.deepEqual([status, body.replaces], [202, gate], text)
    const [former, next] = [await read(gate), await read(body.gate)]
    assert.deepEqual([former.state, former.evidenceAge?.commitsBehind], ['voided', null])
    assert.match(former.closedBecause ?? '', new RegExp(`recomputed.*gate ${body.gate} asks for the same`))
    assert.deepEqual([next.state, next.requestedBy, next.expiresAt, next.reason, next.evidenceAge], ['collecting', 'rita', old.expiresAt, old.reason, null])
    assert.equal((await recompute(gate)).status, 409, 'once is enough')
    assert.equal((await api.call(vera, 'POST', `/v1/gates/${body.gate}/recompute`, {})).status, 403)
    assert.deepEqual(api.errors, [])
  })
})
