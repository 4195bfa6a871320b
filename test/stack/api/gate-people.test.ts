import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { TestApi } from '../../helpers/api.ts'
import { codeOf as code, startGovernanceApi, type GovernanceApi, type GovernancePerson, type Problem } from '../../helpers/governance-api.ts'
import { until, type GovernanceSite } from '../../helpers/governance.ts'

interface Gate {
  id: string; state: string; evidenceDigest: string | null; wanted: string; waitingForMe: boolean; approvals: number; changesAsked: { by: string }[]
  escalatedTo: string[]; emergency: { by: string; review: { state: string; overdue: boolean } } | null; deciding: string[]; mayDeclareEmergency: boolean
  decisions: { actor: string; onBehalfOf: string | null; stage: string; verdict: string }[]; thread: { kind: string; by: string; text: string }[]; reviewers: { actor: string; required: boolean }[]
}
type Person = GovernancePerson | 'max'

/** What people do at gates, through the front door; the workflows run, the clock is the real one. */
describe('people at gates over HTTP', () => {
  let plant: GovernanceSite
  let api: TestApi
  let keys: GovernanceApi<Person>['keys']
  let desk: GovernanceApi<Person>
  before(async () => {
    desk = await startGovernanceApi({ max: ['ml-engineer'] });
    ({ plant, api, keys } = desk)
  })
  beforeEach(() => plant.govern({ 'promote-model': { requiredApprovals: 1 } }, 'rita'))
  after(() => desk?.end())

  const post = <T = Problem>(who: Person, address: string, body: unknown, headers?: Record<string, string>) => api.call<T>(keys[who], 'POST', address, body, headers)
  const at = <T = Problem>(who: Person, gate: { id: string }, verb: string, body: unknown) => post<T>(who, `/v1/gates/${gate.id}/${verb}`, body)
  const look = async (who: Person, gate: { id: string }) => (await api.call<Gate>(keys[who], 'GET', `/v1/gates/${gate.id}`)).body
  async function opened(more: Record<string, unknown> = {}): Promise<{ id: string; digest: string; release: string }> {
    const { release } = await plant.release()
    const asked = await post<{ gate: string }>('mia', '/v1/gates', { release, reason: 'better', ...more })
    assert.equal(asked.status, 202, asked.text)
    return { id: asked.body.gate, digest: await plant.whenOpen(asked.body.gate), release }
  }
  const approve = (who: Person, gate: { id: string; digest: string }, more: object = {}) =>
    at<Problem & { state: string; assignment: string | null }>(who, gate, 'approve', { evidenceDigest: gate.digest, ...more })
  const counts = async (gate: { id: string }) => (await plant.asOwner<{ decisions: string; switches: string }>(
    `select (select count(*) from gate_decision where gate_id = $1) as decisions, (select count(*) from assignment where gate_id = $1) as switches`, [gate.id]))[0]
  const ledgerOf = async (subject: string) => (await plant.asOwner<{ kind: string; actor_id: string }>('select kind, actor_id from ledger_entry where subject = $1 order by entry_id', [subject])).map(({ kind }) => kind)
  const audited = async (subject: string) => (await plant.asOwner<{ verb: string }>('select verb from audit_entry where subject = $1 order by audit_id', [subject])).map(({ verb }) => verb)
  const events = async (gate: { id: string }) => (await plant.asOwner<{ kind: string }>("select kind from outbox where channel = 'bus' and payload->'data'->>'gate' = $1", [gate.id])).map(({ kind }) => kind)

  it('asks so many of each role, and says who is still wanted', async () => {
    await plant.govern({ 'promote-model': { requiredApprovals: 2, roles: ['reliability-engineer', 'ml-engineer'], perRole: { 'reliability-engineer': 1, 'ml-engineer': 1 } } })
    const gate = await opened()
    assert.equal((await look('vera', gate)).wanted, '0 of 2: ml-engineer, reliability-engineer still wanted')
    assert.equal((await approve('rita', gate)).body.state, 'open')
    assert.equal((await approve('ron', gate)).body.state, 'open', 'two of one role are not one of each')
    assert.equal((await look('vera', gate)).wanted, '1 of 2: ml-engineer still wanted')
    const done = await approve('max', gate)
    assert.deepEqual([done.status, done.body.state], [200, 'approved'], done.text)
  })

  it('two who approve in the same instant are two approvals and one switch', async () => {
    await plant.govern({ 'promote-model': { requiredApprovals: 2 } })
    const gate = await opened()
    const answers = await Promise.all([approve('rita', gate), approve('ron', gate), approve('rita', gate), approve('ron', gate)])
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200], answers.map(({ text }) => text).join())
    assert.deepEqual(await counts(gate), { decisions: '2', switches: '1' })
  })

  it('one who approves and one who rejects in the same instant: one of them wins, the other is told', async () => {
    const gate = await opened()
    const [yes, no] = await Promise.all([approve('rita', gate), at<Problem & { state: string }>('ron', gate, 'reject', { evidenceDigest: gate.digest, comment: 'no' })])
    const { state } = await look('vera', gate)
    assert.ok(state === 'approved' ? yes.status === 200 && code(no)[1] === 'gate_closed' : state === 'rejected' && no.status === 200 && code(yes)[1] === 'gate_closed', `${state} ${yes.text} ${no.text}`)
    assert.deepEqual(await counts(gate), { decisions: '1', switches: state === 'approved' ? '1' : '0' })
    const winner = state === 'approved' ? approve('rita', gate) : at('ron', gate, 'reject', { evidenceDigest: gate.digest, comment: 'no' })
    assert.equal((await winner).status, 200, 'what was decided is told again')
  })

  it('a rejection needs its reason, an approval its very evidence', async () => {
    const gate = await opened()
    assert.equal((await at('rita', gate, 'reject', { evidenceDigest: gate.digest, comment: '  ' })).status, 400)
    assert.equal((await at('rita', gate, 'reject', { evidenceDigest: gate.digest })).status, 400)
    assert.deepEqual(code(await approve('rita', { ...gate, digest: 'f'.repeat(64) })), [409, 'evidence_changed'])
    assert.equal((await approve('rita', { ...gate, digest: 'short' })).status, 400)
    assert.equal((await look('vera', gate)).state, 'open')
  })

  it('a decision after expiry finds the gate expired', async () => {
    const gate = await opened()
    assert.equal((await look('rita', gate)).waitingForMe, true)
    // Its end is put behind it, so that nothing here waits for a clock; that the clock itself ends a gate is asked elsewhere.
    await plant.asOwner(`update gate set expires_at = requested_at + interval '1 microsecond', rules = jsonb_set(rules, '{expiresAtUs}', to_jsonb((extract(epoch from requested_at) * 1000000)::bigint + 1))
      where gate_id = $1`, [gate.id])
    assert.equal((await look('rita', gate)).waitingForMe, false, 'over, though nobody has looked at it yet')
    assert.deepEqual(code(await approve('rita', gate)), [410, 'expired'])
    assert.equal((await look('vera', gate)).state, 'expired')
    assert.deepEqual(code(await approve('rita', gate)), [410, 'expired'], 'and again, once its workflow has ended')
    assert.deepEqual(await counts(gate), { decisions: '0', switches: '0' })
  })

  it('whoever lost the role meanwhile decides no more; who has it back does', async () => {
    const gate = await opened()
    const change = (roles: string[]) => api.call(api.adminKey, 'PATCH', `/v1/actors/ron?site=${plant.site}`, { roles })
    assert.equal((await change(['operator'])).status, 200)
    assert.deepEqual(code(await approve('ron', gate)), [403, 'forbidden'])
    assert.equal((await change(['reliability-engineer'])).status, 200)
    assert.equal((await approve('ron', gate)).body.state, 'approved')
  })

  it('a forged or replayed request decides nothing', async () => {
    await plant.govern({ 'promote-model': { requiredApprovals: 2 } })
    const gate = await opened()
    const address = `/v1/gates/${gate.id}/approve`
    const body = { evidenceDigest: gate.digest }
    assert.deepEqual(code(await api.call(null, 'POST', address, body)), [401, 'unauthenticated'])
    assert.deepEqual(code(await api.call('tw_forged', 'POST', address, body)), [401, 'unauthenticated'])
    assert.equal((await post('mia', address, { ...body, actor: 'rita' })).status, 400, 'who decides is who signed in')
    assert.deepEqual(code(await post('max', address, { ...body, onBehalfOf: 'rita' })), [403, 'forbidden'])
    const elsewhere = await api.call(api.adminKey, 'POST', '/v1/sites', { id: 'other', name: 'Other' })
    assert.ok(elsewhere.status < 300, elsewhere.text)
    const stranger = await api.keyFor('other', ['reliability-engineer'], 'stranger')
    assert.ok([403, 404].includes((await api.call(stranger, 'POST', address, body)).status))
    assert.deepEqual(await counts(gate), { decisions: '0', switches: '0' })

    const sent = { 'idempotency-key': 'click-1' }
    const first = await post<{ state: string; approvals: number }>('rita', address, body, sent)
    const replayed = await post<{ state: string; approvals: number }>('rita', address, body, sent)
    assert.deepEqual([first.body, replayed.headers.get('idempotency-replayed')], [replayed.body, 'true'])
    assert.deepEqual(code(await post('rita', address, { ...body, comment: 'other words' }, sent)), [422, 'idempotency_conflict'])
    assert.equal((await post<{ approvals: number }>('ron', address, body, sent)).body.approvals, 2, 'a key is its actor’s own')
    assert.deepEqual(await counts(gate), { decisions: '2', switches: '1' })
  })

  it('an unknown family, release, gate or person is refused by name', async () => {
    const { release } = await plant.release()
    assert.deepEqual(code(await post('mia', '/v1/gates', { release, reason: 'x', scope: { kind: 'family', id: 'pumpz' } })), [400, 'invalid'])
    assert.deepEqual(code(await post('mia', '/v1/gates', { release: 'pumps-r999', reason: 'x' })), [404, 'not_found'])
    const until = new Date(Date.now() + 60_000).toISOString()
    const unknown = await post('rita', '/v1/delegations', { to: 'otto', until, reason: 'away', family: 'pumpz' })
    assert.deepEqual(code(unknown), [404, 'not_found'])
    assert.match(unknown.body.detail, /pumpz/)
    assert.deepEqual(code(await post('rita', '/v1/gates/00000000-0000-4000-8000-000000000000/approve', { evidenceDigest: 'a'.repeat(64) })), [404, 'not_found'])
    const gate = await opened()
    assert.deepEqual(code(await at('rita', gate, 'reviewers', { reviewer: 'nobody' })), [422, 'unprocessable'])
    assert.deepEqual(code(await at('rita', gate, 'reviewers', { reviewer: 'otto', required: true })), [422, 'unprocessable'])
  })

  it('asks for changes, which the requester answers before anything is approved; comments decide nothing', async () => {
    const gate = await opened()
    assert.deepEqual(code(await at('mia', gate, 'ask-changes', { comment: 'x' })), [403, 'separation_of_duties'])
    assert.deepEqual(code(await at('vera', gate, 'comments', { comment: 'x' })), [403, 'forbidden'])
    const asked = await at<{ changesAsked: number }>('ron', gate, 'ask-changes', { comment: 'Why so few windows?' })
    assert.deepEqual([asked.status, asked.body.changesAsked], [200, 1], asked.text)
    assert.equal((await at<{ changesAsked: number }>('ron', gate, 'ask-changes', { comment: 'Why so few windows?' })).body.changesAsked, 1, 'clicked twice')
    const blocked = await approve('rita', gate)
    assert.deepEqual(code(blocked), [409, 'conflict'])
    assert.match(blocked.body.detail, /ron asked for changes.*mia has not answered/)
    assert.equal((await at('otto', gate, 'comments', { comment: 'I saw it run hot.' })).status, 201)
    assert.deepEqual(code(await at('rita', gate, 'answer', { comment: 'x' })), [403, 'forbidden'])
    assert.equal((await at<{ answered: number }>('mia', gate, 'answer', { comment: 'It is a new line.' })).body.answered, 1)
    assert.deepEqual(code(await at('mia', gate, 'answer', { comment: 'And more.' })), [409, 'conflict'])
    const seen = await look('vera', gate)
    assert.deepEqual(seen.thread.map(({ kind, by }) => [kind, by]), [['changes-asked', 'ron'], ['comment', 'otto'], ['answer', 'mia']])
    assert.deepEqual(seen.changesAsked, [])
    assert.equal((await approve('rita', gate)).body.state, 'approved')
    assert.equal((await at('otto', gate, 'comments', { comment: 'Afterwards.' })).status, 201)
    for (const kind of ['gate.changes-asked', 'gate.commented', 'gate.answered']) {
      assert.ok((await ledgerOf(`gate/${gate.id}`)).includes(kind), kind)
      assert.ok((await events(gate)).includes(kind), kind)
    }
    assert.deepEqual((await audited(`gate/${gate.id}`)).filter((verb) => /ask|answer|comment/.test(verb)), ['ask-changes', 'comment-on-gate', 'answer-gate', 'comment-on-gate'])
  })

  it('a new proposal takes the place of the one that changes were asked of', async () => {
    const first = await opened()
    assert.equal((await at('ron', first, 'ask-changes', { comment: 'Other threshold, please.' })).status, 200)
    const { release } = await plant.release()
    assert.deepEqual(code(await post('max', '/v1/gates', { release, reason: 'mine', insteadOf: first.id })), [403, 'forbidden'])
    const second = await opened({ insteadOf: first.id })
    assert.deepEqual([(await look('vera', first)).state, (await look('vera', second)).state], ['withdrawn', 'open'])
    assert.equal((await approve('rita', second)).body.state, 'approved')
  })

  it('waits for a reviewer whose approval was made to be required', async () => {
    const gate = await opened()
    assert.equal((await at('mia', gate, 'reviewers', { reviewer: 'otto' })).status, 201)
    assert.equal((await at('rita', gate, 'reviewers', { reviewer: 'max', required: true })).status, 201)
    assert.deepEqual(code(await at('rita', gate, 'reviewers', { reviewer: 'mia', required: true })), [403, 'separation_of_duties'])
    assert.deepEqual(code(await at('otto', gate, 'reviewers', { reviewer: 'ron' })), [403, 'forbidden'])
    assert.equal((await approve('rita', gate)).body.state, 'open')
    const seen = await look('max', gate)
    assert.deepEqual([seen.wanted, seen.waitingForMe], ['1 of 1: max still wanted', true])
    const waiting = await api.call<{ items: Gate[] }>(keys.max, 'GET', '/v1/gates?waitingForMe=true')
    assert.deepEqual(waiting.body.items.map(({ id }) => id), [gate.id])
    assert.equal((await approve('max', gate)).body.state, 'approved')
    assert.deepEqual((await ledgerOf(`gate/${gate.id}`)).filter((kind) => kind === 'gate.reviewer-added').length, 2)
  })

  it('lets a delegate decide until the date or the revocation, and records for whom', async () => {
    await plant.govern({ 'promote-model': { requiredApprovals: 1, ownerMustApprove: true } }, 'rita')
    const gate = await opened()
    const until = new Date(Date.now() + 3_600_000).toISOString()
    const give = (who: Person, body: object) => post<Problem & { id: string }>(who, '/v1/delegations', { until, reason: 'on holiday', ...body })
    assert.deepEqual(code(await give('rita', { to: 'rita' })), [400, 'invalid'])
    assert.deepEqual(code(await give('rita', { to: 'vera' })), [422, 'unprocessable'])
    assert.deepEqual(code(await give('rita', { to: 'otto', until: '2020-01-01T00:00:00Z' })), [400, 'invalid'])
    assert.deepEqual(code(await give('otto', { to: 'ron' })), [403, 'forbidden'], 'who only stands in cannot delegate on')
    assert.deepEqual(code(await approve('otto', gate)), [403, 'forbidden'])

    const given = await give('rita', { to: 'otto', family: plant.family })
    assert.equal(given.status, 201, given.text)
    const own = await give('mia', { to: 'otto' })
    const waiting = await api.call<{ items: Gate[] }>(keys.otto, 'GET', '/v1/gates?waitingForMe=true')
    assert.deepEqual(waiting.body.items.map(({ id }) => id), [gate.id])
    assert.deepEqual((await look('otto', gate)).deciding, ['rita'])
    assert.deepEqual(code(await approve('otto', gate, { onBehalfOf: 'mia' })), [403, 'separation_of_duties'], 'in the name of who asked for it nobody decides')
    assert.deepEqual(code(await approve('otto', gate, { onBehalfOf: 'ron' })), [403, 'forbidden'])

    assert.equal((await post('otto', `/v1/delegations/${own.body.id}/revoke`, {})).status, 200)
    assert.deepEqual(code(await post('ron', `/v1/delegations/${given.body.id}/revoke`, {})), [403, 'forbidden'])
    assert.equal((await at('otto', gate, 'reviewers', { reviewer: 'vera', onBehalfOf: 'rita' })).status, 201)
    const [added] = await plant.asOwner<{ body: { onBehalfOf: string } }>("select body::jsonb as body from ledger_entry where kind = 'gate.reviewer-added' and subject = $1", [`gate/${gate.id}`])
    assert.equal(added?.body.onBehalfOf, 'rita')
    const done = await approve('otto', gate)
    assert.deepEqual([done.status, done.body.state], [200, 'approved'], done.text)
    assert.deepEqual((await look('vera', gate)).decisions.map(({ actor, onBehalfOf }) => [actor, onBehalfOf]), [['otto', 'rita']])

    const revoke = () => post('rita', `/v1/delegations/${given.body.id}/revoke`, {})
    assert.deepEqual([(await revoke()).text], [(await revoke()).text], 'revoking twice is revoking once')
    assert.equal((await approve('otto', gate)).status, 200, 'the decision stands, and its repeat is one')
    const next = await opened()
    assert.deepEqual(code(await approve('otto', next)), [403, 'forbidden'])
    assert.deepEqual(await ledgerOf(`delegation/${given.body.id}`), ['delegation.made', 'delegation.revoked'])
    const listed = await api.call<{ items: { id: string; state: string }[] }>(keys.otto, 'GET', '/v1/delegations?mine=true')
    assert.deepEqual(listed.body.items.map(({ state }) => state), ['revoked', 'revoked'])
  })

  it('a delegation ends at its date by itself', async () => {
    const gate = await opened()
    const short = await post<{ id: string }>('ron', '/v1/delegations', { to: 'otto', until: new Date(Date.now() + 3_600_000).toISOString(), reason: 'lunch' })
    assert.equal(short.status, 201, short.text)
    assert.deepEqual((await look('otto', gate)).deciding, ['ron'])
    // Its date is put to now: what ends it is that the date is past, whenever somebody looks.
    await plant.asOwner('update delegation set ends_at = clock_timestamp() where delegation_id = $1', [short.body.id])
    const mine = (await api.call<{ items: { id: string; state: string }[] }>(keys.ron, 'GET', '/v1/delegations?mine=true')).body.items
    assert.equal(mine.find(({ id }) => id === short.body.id)?.state, 'ended')
    assert.deepEqual((await look('otto', gate)).deciding, [])
    assert.deepEqual(code(await approve('otto', gate)), [403, 'forbidden'])
  })

  describe('in an emergency', () => {
    const emergency = { roles: ['reliability-engineer' as const], reviewWithinSeconds: 3600 }
    const declare = (who: Person, gate: { id: string; digest: string }, more: object = {}) =>
      at<Problem & { state: string; assignment: string; review: { state: string; due: string } }>(who, gate, 'approve-in-emergency', { evidenceDigest: gate.digest, reason: 'The pumps run dry since noon.', ...more })
    const review = (who: Person, gate: { id: string; digest: string }, verdict: string, comment = 'seen') =>
      at<Problem & { review: string; rolledBack: { release: string } | null; note: string }>(who, gate, 'review', { verdict, evidenceDigest: gate.digest, comment })

    it('knows no such way unless the rules do', async () => {
      const gate = await opened()
      assert.deepEqual(code(await declare('rita', gate)), [403, 'forbidden'])
      assert.deepEqual(code(await review('rita', gate, 'confirm')), [409, 'conflict'])
    })

    it('is approved by one while Temporal’s worker is away, loudly, and confirmed by the others', async () => {
      await plant.govern({ 'promote-model': { requiredApprovals: 2, roles: ['reliability-engineer', 'ml-engineer'], emergency } })
      const gate = await opened()
      await desk.stopWorker()
      assert.equal((await declare('rita', gate, { reason: 'short' })).status, 400)
      assert.deepEqual(code(await declare('mia', gate)), [403, 'separation_of_duties'])
      assert.deepEqual(code(await declare('max', gate)), [403, 'forbidden'])
      const done = await declare('rita', gate)
      assert.deepEqual([done.status, done.body.state, done.body.review.state], [200, 'approved', 'due'], done.text)
      assert.equal((await declare('rita', gate)).body.assignment, done.body.assignment, 'declared twice is declared once')
      assert.equal(await plant.champion(), gate.release)
      await desk.startWorker()
      const told = await events(gate)
      for (const kind of ['gate.emergency-approved', 'gate.approved']) assert.ok(told.includes(kind), kind)
      assert.ok((await ledgerOf(`gate/${gate.id}`)).includes('gate.emergency-approved'))
      const due = await api.call<{ items: Gate[] }>(keys.vera, 'GET', '/v1/gates?review=due')
      assert.deepEqual(due.body.items.map(({ id, wanted }) => [id, wanted]), [[gate.id, '0 of 2: 2 × reliability-engineer or ml-engineer still wanted']])

      assert.deepEqual(code(await review('rita', gate, 'confirm')), [403, 'separation_of_duties'])
      assert.deepEqual(code(await review('mia', gate, 'confirm')), [403, 'separation_of_duties'])
      assert.deepEqual(code(await approve('ron', gate)), [409, 'gate_closed'])
      assert.equal((await look('ron', gate)).waitingForMe, true)
      const half = await review('ron', gate, 'confirm')
      assert.deepEqual([half.status, half.body.review], [200, 'due'], half.text)
      assert.equal((await review('max', gate, 'confirm')).body.review, 'confirmed')
      assert.deepEqual(code(await review('otto', gate, 'confirm')), [409, 'gate_closed'])
      const inForce = await api.call<{ items: { approval: { approvers: { actor: string; stage: string }[] } }[] }>(keys.vera, 'GET', `/v1/families/${plant.family}/in-force`)
      assert.deepEqual(inForce.body.items[0]?.approval.approvers.map(({ actor, stage }) => [actor, stage]), [['rita', 'emergency'], ['ron', 'review'], ['max', 'review']])
      assert.deepEqual(await plant.client.workflow.getHandle(`gate/${gate.id}`).result(), { state: 'approved', assignment: done.body.assignment })
    })

    it('a rejected review rolls back by that one call; where there is nothing to go back to it says so', async () => {
      await plant.govern({ 'promote-model': { emergency } })
      const former = await plant.champion()
      const gate = await opened()
      assert.equal((await declare('rita', gate)).status, 200)
      assert.deepEqual(code(await review('ron', gate, 'reject', '')), [400, 'invalid'])
      const rejected = await review('ron', gate, 'reject', 'It was no emergency.')
      assert.deepEqual([rejected.status, rejected.body.review, rejected.body.rolledBack?.release], [200, 'rejected', former], rejected.text)
      assert.equal(await plant.champion(), former)
      assert.equal((await review('ron', gate, 'reject', 'It was no emergency.')).body.review, 'rejected')
      assert.equal((await plant.asOwner<{ n: string }>("select count(*) as n from ledger_entry where kind = 'assignment.rolled-back'"))[0]!.n, '1', 'once')

      const line = await opened({ scope: { kind: 'asset', id: 'pump-2' } })
      assert.equal((await declare('rita', line)).status, 200)
      const first = await review('ron', line, 'reject', 'No.')
      assert.deepEqual([first.body.review, first.body.rolledBack], ['rejected', null])
      assert.match(first.body.note, /nothing was champion before it/)
    })

    it('a review that is overdue is told of, and shown, until it is done', async () => {
      await plant.govern({ 'promote-model': { emergency: { ...emergency, reviewWithinSeconds: 1 }, remindEverySeconds: 2, escalation: [{ afterSeconds: 3600, to: 'plant-lead' }] } })
      const gate = await opened()
      assert.equal((await declare('rita', gate)).status, 200)
      await until('it is told twice', async () => (await events(gate)).filter((kind) => kind === 'gate.review-overdue').length >= 2)
      assert.equal((await look('vera', gate)).emergency?.review.overdue, true)
      const [row] = await plant.asOwner<{ to: unknown }>("select payload->'data'->'to' as to from outbox where kind = 'gate.review-overdue' and payload->'data'->>'gate' = $1 limit 1", [gate.id])
      assert.deepEqual(row?.to, ['plant-lead'])
      assert.equal((await review('ron', gate, 'confirm')).body.review, 'confirmed', 'late is better than never')
      assert.equal((await look('vera', gate)).emergency?.review.overdue, false)
    })
  })

  it('escalates step by step while approvals are missing', async () => {
    await plant.govern({ 'promote-model': { escalation: [{ afterSeconds: 1, to: 'shift-lead' }, { afterSeconds: 3, to: '#plant' }] } })
    const gate = await opened()
    await until('both steps', async () => (await look('vera', gate)).escalatedTo.length === 2)
    assert.deepEqual((await look('vera', gate)).escalatedTo, ['shift-lead', '#plant'])
    // Where nobody was there to tell in time, two steps are told as one; each name is told once.
    const told = await plant.asOwner<{ to: string[] }>("select payload->'data'->'to' as to from outbox where channel = 'bus' and kind = 'gate.escalated' and payload->'data'->>'gate' = $1 order by outbox_id", [gate.id])
    assert.deepEqual(told.flatMap(({ to }) => to), ['shift-lead', '#plant'])
    assert.equal((await approve('rita', gate)).body.state, 'approved')
  })

  it('said nothing of it as an error', () => { assert.deepEqual(api.errors, []) })
})
