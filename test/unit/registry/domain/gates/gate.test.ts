import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Role } from '../../../../../registry/domain/access/rights.ts'
import { openGate, type Gate, type GateOpening } from '../../../../../registry/domain/gates/gate.ts'
import { missingForApproval, wantedText } from '../../../../../registry/domain/gates/quorum.ts'
import { gateRulesSchema, type GateRules } from '../../../../../registry/domain/gates/rules.ts'
import { stepGate, type GateAction } from '../../../../../registry/domain/gates/step.ts'

const EXPIRES = 1000
const rules: GateRules = gateRulesSchema.parse({ requiredApprovals: 2, roles: ['reliability-engineer'], expiresAtUs: EXPIRES })
const opening: GateOpening = { rules, evidenceDigest: 'e1', requestedBy: 'req', authors: ['author'], owners: ['olga'] }
const open = (change: Partial<GateRules> = {}) => openGate({ ...opening, rules: { ...rules, ...change } }, 0)

const approve = (by: string, evidenceDigest = 'e1', roles: Role[] = ['reliability-engineer']): GateAction =>
  ({ kind: 'approve', by, roles, evidenceDigest })
const reject = (by: string, evidenceDigest = 'e1'): GateAction =>
  ({ kind: 'reject', by, roles: ['reliability-engineer'], evidenceDigest, reason: 'no' })

const confirm = (by: string): GateAction => ({ kind: 'confirm', by, roles: ['reliability-engineer'], evidenceDigest: 'e1' })
const overturn = (by: string): GateAction => ({ kind: 'overturn', by, roles: ['reliability-engineer'], evidenceDigest: 'e1', reason: 'no' })
const alone = (by: string, roles: Role[] = ['reliability-engineer']): GateAction => ({ kind: 'approve-in-emergency', by, roles, evidenceDigest: 'e1', reason: 'pumps run dry' })
const ask = (by: string, text = 'why so low?'): GateAction => ({ kind: 'ask-changes', by, roles: ['reliability-engineer'], text })
const reviewer = (id: string, required: boolean, by = 'req'): GateAction => ({ kind: 'add-reviewer', by, roles: [], reviewer: id, required })

function run(gate: Gate, ...actions: GateAction[]): Gate {
  return actions.reduce((current, action) => {
    const result = stepGate(current, action, 10)
    assert.ok(result.ok, result.ok ? '' : result.message)
    return result.gate
  }, gate)
}

function refusal(gate: Gate, action: GateAction, nowUs = 10): { code: string; gate: Gate } {
  const result = stepGate(gate, action, nowUs)
  assert.ok(!result.ok, 'accepted')
  assert.ok(result.message.length > 20)
  return result
}

describe('gate', () => {
  it('is approved by the required number of different people, on the evidence they saw', () => {
    const first = stepGate(open(), approve('ann'), 10)
    assert.deepEqual(first.ok && first.outcome, { state: 'open', approvals: 1, required: 2, changed: true })
    const gate = run(open(), approve('ann'), approve('bob'))
    assert.equal(gate.state, 'approved')
    assert.deepEqual(gate.approvals.map((a) => [a.by, a.evidenceDigest]), [['ann', 'e1'], ['bob', 'e1']])
    assert.equal(missingForApproval(gate), null)
  })

  it('the same person counts once, and asking again gives the same outcome', () => {
    const once = run(open(), approve('ann'))
    const again = stepGate(once, approve('ann'), 500)
    assert.deepEqual(again, { ok: true, gate: once, outcome: { state: 'open', approvals: 1, required: 2, changed: false } })
    const done = run(open(), approve('ann'), approve('bob'))
    const late = stepGate(done, approve('bob'), EXPIRES + 5)
    assert.ok(late.ok && late.outcome.state === 'approved' && !late.outcome.changed)
    const rejected = run(open(), reject('ann'))
    assert.ok(stepGate(rejected, reject('ann'), EXPIRES + 5).ok)
  })

  it('refuses requester, author, strangers and other evidence, and stays as it was', () => {
    const cases: [GateAction, string][] = [
      [approve('req'), 'separation_of_duties'],
      [approve('author'), 'separation_of_duties'],
      [reject('req'), 'separation_of_duties'],
      [approve('ann', 'e1', ['admin']), 'forbidden'],
      [approve('ann', 'e0'), 'evidence_changed'],
      [reject('ann', 'e0'), 'evidence_changed'],
      [{ kind: 'withdraw', by: 'ann', reason: 'x' }, 'forbidden'],
      [{ ...reject('ann'), reason: ' ' } as GateAction, 'invalid'],
      [{ kind: 'answer', by: 'ann', text: 'x' }, 'forbidden'],
      [{ kind: 'answer', by: 'req', text: 'x' }, 'conflict'],
      [confirm('ann'), 'conflict'],
      [alone('ann'), 'forbidden'],
    ]
    for (const [action, code] of cases) {
      const gate = open()
      assert.deepEqual([refusal(gate, action).code, refusal(gate, action).gate], [code, gate])
    }
    assert.equal(refusal(run(open(), approve('ann')), reject('ann')).code, 'conflict')
  })

  it('waits for an owner where the rules say so', () => {
    const two = run(open({ ownerMustApprove: true }), approve('ann'), approve('bob'))
    assert.equal(two.state, 'open')
    assert.deepEqual(missingForApproval(two), { approvals: 0, roles: [], owner: true, reviewers: [] })
    assert.equal(wantedText(two), '2 of 2: the family’s owner still wanted')
    assert.equal(run(two, approve('olga')).state, 'approved')
  })

  it('expires at its time: the approval is refused, and the gate is over', () => {
    const late = refusal(open(), approve('ann'), EXPIRES)
    assert.deepEqual([late.code, late.gate.state], ['expired', 'expired'])
    assert.equal(refusal(late.gate, approve('ann'), 10).code, 'expired')
    const before = stepGate(open(), { kind: 'tick' }, EXPIRES - 1)
    assert.ok(before.ok && before.outcome.state === 'open')
    const ticked = stepGate(open(), { kind: 'tick' }, EXPIRES)
    assert.ok(ticked.ok && ticked.outcome.state === 'expired' && ticked.outcome.changed)
  })

  it('closes by one rejection, by withdrawal, by a change underneath', () => {
    assert.equal(refusal(run(open(), reject('ann')), approve('bob')).code, 'gate_closed')
    assert.equal(run(open(), { kind: 'withdraw', by: 'req', reason: 'mistake' }).state, 'withdrawn')
    const voided = run(open(), approve('ann'), { kind: 'void', reason: 'the champion changed' })
    assert.deepEqual([voided.state, voided.closedBecause], ['voided', 'the champion changed'])
    assert.equal(refusal(voided, approve('ann')).code, 'gate_closed')
  })

  it('refuses to open what nobody could approve, or what is over', () => {
    assert.throws(() => openGate(opening, EXPIRES), { code: 'invalid' })
    assert.throws(() => openGate({ ...opening, owners: ['req', 'author'], rules: { ...rules, ownerMustApprove: true } }, 0), /another owner/)
    assert.throws(() => gateRulesSchema.parse({ ...rules, requiredApprovals: 0 }))
    assert.throws(() => gateRulesSchema.parse({ ...rules, roles: [] }))
  })
})

describe('what people do at a gate beside deciding', () => {
  it('asks for changes: open, yet not to be approved until the requester answers; rejected it can be', () => {
    const asked = run(open(), approve('ann'), ask('bob'))
    assert.equal(asked.state, 'open')
    assert.match(refusal(asked, approve('cy')).code, /conflict/)
    assert.equal(run(asked, reject('cy')).state, 'rejected')
    assert.deepEqual(run(asked, ask('bob')), asked, 'asking the same again asks once')
    assert.equal(run(asked, ask('cy', 'and the units?')).questions.length, 2)
    assert.equal(refusal(asked, { kind: 'answer', by: 'ann', text: 'x' }).code, 'forbidden')
    const answered = run(asked, { kind: 'answer', by: 'req', text: 'it is the median' })
    assert.deepEqual([answered.questions, answered.approvals.length], [[], 1], 'what was approved before stands')
    assert.deepEqual(run(answered, { kind: 'answer', by: 'req', text: 'it is the median' }), answered)
    assert.equal(run(answered, approve('cy')).state, 'approved')
    assert.equal(refusal(open(), ask('author')).code, 'separation_of_duties')
    assert.equal(refusal(open(), { kind: 'ask-changes', by: 'vera', roles: ['viewer'], text: 'x' }).code, 'forbidden')
  })

  it('waits for a reviewer who was added as required, whatever the rules have already', () => {
    const gate = run(open(), reviewer('dora', false), reviewer('eli', true, 'req'), approve('ann'), approve('bob'))
    assert.equal(gate.state, 'open')
    assert.equal(wantedText(gate), '2 of 2: eli still wanted')
    const eli = approve('eli', 'e1', ['admin'])
    assert.equal(refusal(gate, approve('dora', 'e1', ['admin'])).code, 'forbidden', 'who is only told has no say by that')
    assert.equal(run(gate, eli).state, 'approved')
    assert.deepEqual(run(gate, reviewer('eli', false)), gate, 'required stays required')
    assert.equal(refusal(open(), reviewer('author', true)).code, 'separation_of_duties')
    assert.equal(refusal(open(), reviewer('dora', true, 'vera')).code, 'forbidden')
    assert.equal(run(open(), reviewer('author', false)).reviewers.length, 1)
  })

  it('asks for so many of each role, and seats people who hold both where they are of most use', () => {
    const both = open({ roles: ['reliability-engineer', 'ml-engineer'], perRole: { 'reliability-engineer': 1, 'ml-engineer': 1 } })
    assert.equal(wantedText(both), '0 of 2: ml-engineer, reliability-engineer still wanted')
    const ml = approve('cy', 'e1', ['ml-engineer'])
    assert.equal(wantedText(run(both, ml)), '1 of 2: reliability-engineer still wanted')
    assert.equal(run(both, ml, approve('dee', 'e1', ['ml-engineer'])).state, 'open', 'two of one role are not one of each')
    assert.equal(run(both, approve('max', 'e1', ['reliability-engineer', 'ml-engineer']), ml).state, 'approved')
    assert.equal(run(both, approve('max', 'e1', ['reliability-engineer', 'ml-engineer']), approve('ann')).state, 'approved')
  })
})

describe('an emergency', () => {
  const rushed = (change: Partial<GateRules> = {}) => open({ emergency: { roles: ['reliability-engineer'], reviewWithinSeconds: 60 }, ...change })
  const declared = () => run(rushed(), alone('ann'))

  it('is approved by one, at once, and leaves a review that the normal approvers owe', () => {
    const gate = declared()
    assert.deepEqual([gate.state, gate.review], ['approved', { state: 'due', dueUs: 10 + 60_000_000 }])
    assert.match(gate.closedBecause ?? '', /ann alone.*pumps run dry/)
    assert.deepEqual(run(gate, alone('ann')), gate, 'declared twice is declared once')
    assert.equal(refusal(gate, alone('bob')).code, 'gate_closed')
    assert.equal(refusal(gate, approve('bob')).code, 'gate_closed')
    assert.equal(wantedText(gate), '0 of 2: 2 × reliability-engineer still wanted')
  })

  it('is for those whom the rules name, in their own right, and not for makers', () => {
    assert.equal(refusal(rushed(), alone('req')).code, 'separation_of_duties')
    assert.equal(refusal(rushed(), alone('ann', ['ml-engineer'])).code, 'forbidden')
    assert.equal(refusal(rushed(), { ...alone('ann'), onBehalfOf: 'bob' } as GateAction).code, 'forbidden')
    assert.equal(refusal(rushed(), { ...alone('ann'), reason: ' ' } as GateAction).code, 'invalid')
    assert.equal(refusal(rushed(), { ...alone('ann'), evidenceDigest: 'e0' } as GateAction).code, 'evidence_changed')
    assert.equal(refusal(run(rushed(), ask('bob')), alone('ann')).code, 'conflict')
  })

  it('is confirmed by as many others as the rules ask for, and by nobody who declared or made it', () => {
    const gate = declared()
    assert.equal(refusal(gate, confirm('ann')).code, 'separation_of_duties')
    assert.equal(refusal(gate, { ...confirm('cy'), onBehalfOf: 'ann' } as GateAction).code, 'separation_of_duties')
    assert.equal(refusal(gate, confirm('author')).code, 'separation_of_duties')
    const one = run(gate, confirm('bob'))
    assert.equal(one.review?.state, 'due')
    assert.deepEqual(run(one, confirm('bob')), one)
    assert.equal(run(one, confirm('cy')).review?.state, 'confirmed')
    const late = stepGate(one, confirm('cy'), 10 ** 12)
    assert.ok(late.ok && late.gate.review?.state === 'confirmed', 'a late review counts')
  })

  it('counts what others had approved before, and not what the declarer had', () => {
    const gate = run(rushed(), approve('ann'), alone('ann'))
    assert.equal(run(gate, confirm('bob')).review?.state, 'due')
    const helped = run(rushed(), approve('bob'), alone('ann'))
    assert.equal(run(helped, confirm('cy')).review?.state, 'confirmed')
    const owner = run(rushed({ ownerMustApprove: true }), approve('bob'), approve('cy'), alone('olga'))
    assert.equal(owner.review?.state, 'confirmed', 'everybody else had agreed already')
  })

  it('is rejected by one who says why, once', () => {
    assert.equal(refusal(declared(), { ...overturn('bob'), reason: '' } as GateAction).code, 'invalid')
    const gate = run(declared(), overturn('bob'))
    assert.deepEqual([gate.state, gate.review?.state, gate.review?.by, gate.review?.because], ['approved', 'rejected', 'bob', 'no'])
    assert.deepEqual(run(gate, overturn('bob')), gate)
    assert.equal(refusal(gate, confirm('cy')).code, 'gate_closed')
  })
})

describe('rules of a gate', () => {
  it('of an earlier version read with what they did not know', () => {
    const old = gateRulesSchema.parse({ requiredApprovals: 1, roles: ['operator'], ownerMustApprove: true, expiresAtUs: 5, remindEverySeconds: null })
    assert.deepEqual([old.perRole, old.escalation, old.emergency], [{}, [], null])
  })
})
