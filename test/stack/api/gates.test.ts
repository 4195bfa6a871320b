import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { TestApi } from '../../helpers/api.ts'
import { startGovernanceApi, type GovernanceApi, type GovernancePerson } from '../../helpers/governance-api.ts'
import { until, type GovernanceSite } from '../../helpers/governance.ts'

interface Gate { id: string; state: string; evidenceDigest: string | null; waitingForMe: boolean; approvals: number; decisions: { actor: string; verdict: string }[] }

describe('gates over HTTP', () => {
  let plant: GovernanceSite
  let api: TestApi
  let keys: GovernanceApi<GovernancePerson>['keys']
  let desk: GovernanceApi<GovernancePerson>
  before(async () => {
    desk = await startGovernanceApi();
    ({ plant, api, keys } = desk)
  })
  after(() => desk?.end())

  const read = async (key: string, gate: string) => (await api.call<Gate>(key, 'GET', `/v1/gates/${gate}`)).body
  const opened = async (release: string) => {
    const asked = await api.call<{ gate: string }>(keys.mia, 'POST', '/v1/gates', { release, reason: 'better' })
    assert.equal(asked.status, 202, asked.text)
    const digest = await until('the gate opens', async () => (await read(keys.mia, asked.body.gate)).evidenceDigest)
    return { gate: asked.body.gate, digest }
  }

  it('puts a release in force when somebody else approves the evidence they saw', async () => {
    const { release } = await plant.release()
    const { gate, digest } = await opened(release)
    const approve = (key: string, evidenceDigest = digest) =>
      api.call<{ type: string; state: string; assignment: string | null }>(key, 'POST', `/v1/gates/${gate}/approve`, { evidenceDigest, comment: 'seen' })

    assert.equal((await approve(keys.vera)).status, 403)
    const own = await approve(keys.mia)
    assert.deepEqual([own.status, own.body.type.split(':').at(-1)], [403, 'separation_of_duties'])
    const other = await approve(keys.rita, '0'.repeat(64))
    assert.deepEqual([other.status, other.body.type.split(':').at(-1)], [409, 'evidence_changed'])

    const waiting = await api.call<{ items: Gate[] }>(keys.rita, 'GET', '/v1/gates?waitingForMe=true')
    assert.deepEqual(waiting.body.items.map(({ id }) => id), [gate])
    assert.deepEqual((await api.call<{ items: Gate[] }>(keys.mia, 'GET', '/v1/gates?waitingForMe=true')).body.items, [])
    assert.equal((await read(keys.rita, gate)).waitingForMe, true)

    const done = await approve(keys.rita)
    assert.deepEqual([done.status, done.body.state], [200, 'approved'], done.text)
    assert.ok(done.body.assignment)
    const again = await approve(keys.rita)
    assert.deepEqual([again.status, again.body.state], [200, 'approved'], 'what was decided is told again')
    const inForce = await api.call<{ items: { release: { id: string }; role: string; approval: { gate: string } }[] }>(keys.vera, 'GET', `/v1/families/${plant.family}/in-force`)
    assert.deepEqual(inForce.body.items.map((item) => [item.release.id, item.role, item.approval.gate]), [[release, 'champion', gate]])
    assert.deepEqual((await read(keys.vera, gate)).decisions.map(({ actor, verdict }) => [actor, verdict]), [['rita', 'approve']])
    const closed = await api.call<{ type: string }>(keys.rita, 'POST', `/v1/gates/${gate}/reject`, { evidenceDigest: digest, comment: 'late' })
    assert.deepEqual([closed.status, closed.body.type.split(':').at(-1)], [409, 'gate_closed'])
  })

  it('rolls back to the former release by one call that may be repeated', async () => {
    const former = await plant.champion()
    const { release } = await plant.release()
    const { gate, digest } = await opened(release)
    assert.equal((await api.call(keys.rita, 'POST', `/v1/gates/${gate}/approve`, { evidenceDigest: digest })).status, 200)
    assert.equal(await plant.champion(), release)
    const back = () => api.call<{ release: string; repeated: boolean }>(keys.rita, 'POST', `/v1/families/${plant.family}/roll-back`, { reason: 'worse', requestId: 'back-1' })
    const [first, second] = [await back(), await back()]
    assert.deepEqual([first.body.release, first.body.repeated, second.body.release, second.body.repeated], [former, false, former, true])
    const ledger = await api.call<{ items: { kind: string }[] }>(keys.vera, 'GET', '/v1/ledger?limit=1')
    assert.equal(ledger.body.items[0]?.kind, 'assignment.rolled-back')
    const verified = await until('the ledger is sealed', async () => {
      const answer = await api.call<{ ok: boolean; pending: number }>(keys.vera, 'GET', '/v1/ledger/verify')
      return answer.body.ok && answer.body.pending === 0 ? answer.body : null
    })
    assert.equal(verified.ok, true)
  })

  it('answers 503 within its deadline when nobody is there to decide, and the gate goes on waiting', async () => {
    const { release } = await plant.release()
    const { gate, digest } = await opened(release)
    await desk.stopWorker()
    const answer = await api.call<{ type: string }>(keys.rita, 'POST', `/v1/gates/${gate}/approve`, { evidenceDigest: digest })
    await desk.startWorker()
    assert.deepEqual([answer.status, answer.body.type.split(':').at(-1)], [503, 'unavailable'], answer.text)
    assert.ok(['open', 'approved'].includes((await read(keys.rita, gate)).state))
  })
})
