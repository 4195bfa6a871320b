import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Role } from '../../../../../registry/domain/access/rights.ts'
import {
  decideGate, gateRulesSchema, missingForApproval, openGate, type Gate, type GateAction, type GateOpening, type GateRules,
} from '../../../../../registry/domain/gates/gate.ts'

const EXPIRES = 1000
const rules: GateRules = gateRulesSchema.parse({ requiredApprovals: 2, roles: ['reliability-engineer'], expiresAtUs: EXPIRES })
const opening: GateOpening = { rules, evidenceDigest: 'e1', requestedBy: 'req', authors: ['author'], owners: ['olga'] }
const open = (change: Partial<GateRules> = {}) => openGate({ ...opening, rules: { ...rules, ...change } }, 0)

const approve = (by: string, evidenceDigest = 'e1', roles: Role[] = ['reliability-engineer']): GateAction =>
  ({ kind: 'approve', by, roles, evidenceDigest })
const reject = (by: string, evidenceDigest = 'e1'): GateAction =>
  ({ kind: 'reject', by, roles: ['reliability-engineer'], evidenceDigest, reason: 'no' })

function run(gate: Gate, ...actions: GateAction[]): Gate {
  return actions.reduce((current, action) => {
    const result = decideGate(current, action, 10)
    assert.ok(result.ok, result.ok ? '' : result.message)
    return result.gate
  }, gate)
}

function refusal(gate: Gate, action: GateAction, nowUs = 10): { code: string; gate: Gate } {
  const result = decideGate(gate, action, nowUs)
  assert.ok(!result.ok, 'accepted')
  assert.ok(result.message.length > 20)
  return result
}

describe('gate', () => {
  it('is approved by the required number of different people, on the evidence they saw', () => {
    const first = decideGate(open(), approve('ann'), 10)
    assert.deepEqual(first.ok && first.outcome, { state: 'open', approvals: 1, required: 2, changed: true })
    const gate = run(open(), approve('ann'), approve('bob'))
    assert.equal(gate.state, 'approved')
    assert.deepEqual(gate.approvals.map((a) => [a.by, a.evidenceDigest]), [['ann', 'e1'], ['bob', 'e1']])
    assert.equal(missingForApproval(gate), null)
  })

  it('the same person counts once, and asking again gives the same outcome', () => {
    const once = run(open(), approve('ann'))
    const again = decideGate(once, approve('ann'), 500)
    assert.deepEqual(again, { ok: true, gate: once, outcome: { state: 'open', approvals: 1, required: 2, changed: false } })
    const done = run(open(), approve('ann'), approve('bob'))
    const late = decideGate(done, approve('bob'), EXPIRES + 5)
    assert.ok(late.ok && late.outcome.state === 'approved' && !late.outcome.changed)
    const rejected = run(open(), reject('ann'))
    assert.ok(decideGate(rejected, reject('ann'), EXPIRES + 5).ok)
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
    assert.deepEqual(missingForApproval(two), { approvals: 0, owner: true })
    assert.equal(run(two, approve('olga')).state, 'approved')
  })

  it('expires at its time: the approval is refused, and the gate is over', () => {
    const late = refusal(open(), approve('ann'), EXPIRES)
    assert.deepEqual([late.code, late.gate.state], ['expired', 'expired'])
    assert.equal(refusal(late.gate, approve('ann'), 10).code, 'expired')
    const before = decideGate(open(), { kind: 'tick' }, EXPIRES - 1)
    assert.ok(before.ok && before.outcome.state === 'open')
    const ticked = decideGate(open(), { kind: 'tick' }, EXPIRES)
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

const people = fc.constantFrom('req', 'author', 'olga', 'ann', 'bob', 'eve')
const holds = fc.subarray<Role>(['reliability-engineer', 'operator', 'admin'])
const digest = fc.constantFrom('e1', 'e1', 'e1', 'e2')
const actions = fc.array(fc.tuple(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('approve' as const), by: people, roles: holds, evidenceDigest: digest }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('reject' as const), by: people, roles: holds, evidenceDigest: digest, reason: fc.constant('r') }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), by: people, reason: fc.constant('w') }) },
    { weight: 1, arbitrary: fc.constant<GateAction>({ kind: 'void', reason: 'v' }) },
    { weight: 1, arbitrary: fc.constant<GateAction>({ kind: 'tick' }) },
  ),
  fc.integer({ min: 0, max: EXPIRES + 50 }),
), { maxLength: 25 })

describe('any sequence of actions on a gate', () => {
  it('never approves without the required people, and never leaves a closed state', () => {
    fc.assert(fc.property(actions, fc.integer({ min: 1, max: 3 }), fc.boolean(), (sequence, requiredApprovals, ownerMustApprove) => {
      let gate = open({ requiredApprovals, ownerMustApprove })
      for (const [action, nowUs] of sequence) {
        const before = gate
        const result = decideGate(gate, action, nowUs)
        gate = result.gate
        if (before.state !== 'open') assert.deepEqual(gate, before)
        if (!result.ok && gate.state !== 'expired') assert.deepEqual(gate, before)
        if (result.ok && !result.outcome.changed) assert.deepEqual(gate, before)
        assert.deepEqual(JSON.parse(JSON.stringify(gate)), gate)
        const again = decideGate(gate, action, nowUs)
        if (result.ok) assert.ok(again.ok && again.outcome.state === result.outcome.state && !again.outcome.changed)
        if (gate.state !== 'approved') continue
        const approvers = new Set(gate.approvals.map((a) => a.by))
        assert.ok(approvers.size >= requiredApprovals && approvers.size === gate.approvals.length)
        assert.ok(!approvers.has('req') && !approvers.has('author'))
        assert.ok(!ownerMustApprove || approvers.has('olga'))
        for (const approval of gate.approvals) {
          assert.ok(approval.atUs < EXPIRES && approval.evidenceDigest === 'e1' && approval.roles.includes('reliability-engineer'))
        }
      }
    }), { numRuns: 500 })
  })
})
