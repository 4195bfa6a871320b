import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { TestApi } from '../../helpers/api.ts'
import { codeOf as code, startGovernanceApi, type GovernanceApi, type GovernancePerson, type Problem } from '../../helpers/governance-api.ts'
import type { GovernanceSite } from '../../helpers/governance.ts'

interface Version { version: number; state: string; digest: string; owner: string | null; gate: string | null; governance: Record<string, Record<string, unknown>> }
interface Gate { state: string; subject: string; evidenceDigest: string; wanted: string; evidence: { changes: { path: string }[]; canApprove: Record<string, { required: number; able: number }> } }

type Person = GovernancePerson | 'ada'

describe('who must approve is itself changed through a gate', () => {
  let plant: GovernanceSite
  let api: TestApi
  let desk: GovernanceApi<Person>
  before(async () => {
    desk = await startGovernanceApi({ ada: ['admin'] });
    ({ plant, api } = desk)
  })
  after(() => desk?.end())

  const call = <T = Problem>(who: Person, method: string, address: string, body?: unknown) => desk.call<T>(who, method, address, body)
  const governance = (id = plant.family) => `/v1/families/${id}/governance`
  const versions = async () => (await call<{ items: Version[] }>('vera', 'GET', governance())).body.items
  const look = async (gate: string) => (await call<Gate>('vera', 'GET', `/v1/gates/${gate}`)).body
  const approve = async (who: Person, gate: string) => call<Problem & { state: string }>(who, 'POST', `/v1/gates/${gate}/approve`, { evidenceDigest: (await look(gate)).evidenceDigest })
  const found = (body: object) => call<Problem & { governanceVersion: number }>('rita', 'POST', '/v1/families', { id: plant.family, name: 'Pumps', ...body })
  const propose = (who: Person, body: object) => call<Problem & { gate: string; version: number }>(who, 'POST', governance(), { reason: 'we grew', ...body })

  it('founding sets version 1; whoever changes it directly is told how it is done', async () => {
    assert.deepEqual(await versions(), [], 'a family that an import made has the defaults, which nobody chose')
    const nobodys = await found({ owner: 'rita', governance: { 'promote-model': { roles: ['operator'] } } })
    assert.deepEqual(code(nobodys), [422, 'unprocessable'])
    assert.match(nobodys.body.detail, /promote-model\.roles asks for operator.*decides at no gate: name ml-engineer, reliability-engineer, admin/)
    const first = await found({ owner: 'rita', governance: { 'promote-model': { requiredApprovals: 1 } } })
    assert.deepEqual([first.status, first.body.governanceVersion], [200, 1], first.text)
    assert.deepEqual((await versions()).map(({ version, state, owner }) => [version, state, owner]), [[1, 'in-force', 'rita']])
    for (const change of [{ governance: { 'promote-model': { requiredApprovals: 2 } } }, { owner: 'ron' }, { owner: null }]) {
      const refused = await found(change)
      assert.deepEqual(code(refused), [409, 'conflict'])
      assert.match(refused.body.detail, /only through a gate.*POST \/v1\/families\/pumps\/governance.*governance propose pumps/)
    }
    assert.equal((await found({ name: 'Cooling pumps' })).status, 200, 'a name is nobody’s to approve')
    assert.equal((await found({ name: 'Pumps', owner: 'rita' })).status, 200)
    assert.equal((await found({ name: 'Pumps' })).status, 200, 'the same again changes nothing')
    const told = await plant.asOwner<{ changes: object[]; by: string }>(
      "select payload->'data'->'changes' as changes, payload->'data'->>'by' as by from outbox where channel = 'bus' and kind = 'family.changed' order by outbox_id")
    assert.deepEqual(told, [['pumps', 'Pumps'], ['Pumps', 'Cooling pumps'], ['Cooling pumps', 'Pumps']].map(([from, to]) => ({ changes: [{ path: 'name', from, to }], by: 'rita' })))
    assert.equal((await plant.asOwner("select from ledger_entry where kind = 'family.changed'")).length, 3)
    assert.equal((await versions()).length, 1)
  })

  it('a change is approved by the rules in force before it, and judges from then on', async () => {
    assert.deepEqual(code(await propose('vera', { owner: 'ron' })), [403, 'forbidden'])
    assert.deepEqual(code(await propose('rita', { owner: 'rita' })), [409, 'conflict'])
    assert.deepEqual(code(await propose('rita', { owner: 'nobody' })), [422, 'unprocessable'])
    assert.deepEqual(code(await propose('rita', { governance: { 'promote-model': { perRole: { 'ml-engineer': 1 } } } })), [400, 'invalid'])
    assert.deepEqual(code(await propose('rita', { governance: { 'approve-policy': { roles: ['reliability-engineer', 'integrator'] } } })), [422, 'unprocessable'])
    assert.deepEqual(code(await propose('rita', { governance: { 'approve-policy': { emergency: { roles: ['operator'] } } } })), [422, 'unprocessable'])
    assert.deepEqual(code(await call('rita', 'POST', governance('pumpz'), { reason: 'x', owner: 'ron' })), [404, 'not_found'])

    const two = { 'promote-model': { requiredApprovals: 2 }, 'change-governance': { requiredApprovals: 2, roles: ['reliability-engineer', 'admin'] } }
    const asked = await propose('rita', { governance: two })
    assert.deepEqual([asked.status, asked.body.version], [202, 2], asked.text)
    const gate = await look(asked.body.gate)
    assert.deepEqual([gate.state, gate.subject, gate.wanted], ['open', 'governance of pumps, version 2', '0 of 1: reliability-engineer or admin still wanted'])
    assert.deepEqual(gate.evidence.changes.map(({ path }) => path), ['change-governance.requiredApprovals', 'promote-model.requiredApprovals'])
    assert.deepEqual(gate.evidence.canApprove['promote-model'], { required: 2, able: 2 })
    assert.deepEqual(code(await propose('ron', { owner: 'ron' })), [409, 'conflict'], 'one change at a time')

    const { release } = await plant.release()
    const open = (await call<{ gate: string }>('mia', 'POST', '/v1/gates', { release, reason: 'better' })).body.gate
    await plant.whenOpen(open)
    assert.deepEqual(code(await approve('rita', asked.body.gate)), [403, 'separation_of_duties'])
    assert.deepEqual(code(await approve('mia', asked.body.gate)), [403, 'forbidden'])
    assert.equal((await versions()).find(({ state }) => state === 'in-force')?.version, 1)
    const done = await Promise.all([approve('ron', asked.body.gate), approve('ron', asked.body.gate)])
    assert.deepEqual(done.map(({ status, body }) => [status, body.state]), [[200, 'approved'], [200, 'approved']], done[0].text)
    assert.deepEqual((await versions()).map(({ version, state, gate: through }) => [version, state, through]), [[2, 'in-force', asked.body.gate], [1, 'past', null]])
    assert.equal((await call<{ governanceVersion: number }>('vera', 'GET', `/v1/families/${plant.family}`)).body.governanceVersion, 2)
    const ledger = await plant.asOwner<{ n: string }>("select count(*) as n from ledger_entry where kind = 'family.governance-changed' and body::jsonb->>'version' = '2' and body::jsonb->>'gate' = $1", [asked.body.gate])
    assert.equal(ledger[0]!.n, '1')
    assert.deepEqual(await plant.client.workflow.getHandle(`gate/${asked.body.gate}`).result(), { state: 'approved', assignment: null })

    assert.equal((await approve('rita', open)).body.state, 'approved', 'what was open keeps the rules it was opened with')
    const next = await propose('rita', { owner: 'ron' })
    assert.equal((await look(next.body.gate)).wanted, '0 of 2: 2 × reliability-engineer or admin still wanted')
    assert.equal((await approve('ron', next.body.gate)).body.state, 'open')
    assert.equal((await approve('ada', next.body.gate)).body.state, 'approved')
    assert.equal((await versions())[0]?.owner, 'ron')
  })

  it('may void what was asked for under the rules before', async () => {
    const { release } = await plant.release()
    const open = (await call<{ gate: string }>('mia', 'POST', '/v1/gates', { release, reason: 'better' })).body.gate
    await plant.whenOpen(open)
    const present = (await versions())[0]!
    const asked = await propose('rita', { openGates: 'void', governance: { ...present.governance, 'promote-model': { ...present.governance['promote-model'], requiredApprovals: 1 } } })
    assert.equal(asked.status, 202, asked.text)
    assert.equal((await approve('ron', asked.body.gate)).body.state, 'open')
    assert.equal((await look(open)).state, 'open')
    assert.equal((await approve('ada', asked.body.gate)).body.state, 'approved')
    const voided = await look(open)
    assert.equal(voided.state, 'voided')
  })

  it('a withdrawn proposal leaves its number behind and changes nothing', async () => {
    const asked = await propose('rita', { owner: 'rita' })
    assert.equal((await call('rita', 'POST', `/v1/gates/${asked.body.gate}/withdraw`, { reason: 'second thoughts' })).status, 200)
    const [newest] = await versions()
    assert.deepEqual([newest?.version, newest?.state], [asked.body.version, 'proposed'])
    assert.equal((await propose('rita', { owner: 'rita' })).body.version, asked.body.version + 1)
    assert.deepEqual(code(await call('rita', 'POST', `/v1/gates/${asked.body.gate}/approve-in-emergency`, { evidenceDigest: 'a'.repeat(64), reason: 'no time to lose' })), [409, 'gate_closed'])
    assert.deepEqual(api.errors, [])
  })
})
