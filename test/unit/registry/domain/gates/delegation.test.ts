import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Role } from '../../../../../registry/domain/access/rights.ts'
import { chooseVoice } from '../../../../../registry/domain/gates/delegation.ts'
import { openGate } from '../../../../../registry/domain/gates/gate.ts'
import { gateRulesSchema } from '../../../../../registry/domain/gates/rules.ts'
import { stepGate } from '../../../../../registry/domain/gates/step.ts'

const rules = gateRulesSchema.parse({ requiredApprovals: 2, roles: ['reliability-engineer'], ownerMustApprove: true, expiresAtUs: 1000 })
const gate = openGate({ rules, evidenceDigest: 'e1', requestedBy: 'req', authors: ['author'], owners: ['olga'] }, 0)
const who = (id: string, ...roles: Role[]) => ({ id, roles, mayDecide: roles.includes('reliability-engineer') })
const voice = (...given: Parameters<typeof chooseVoice> extends [unknown, ...infer Rest] ? Rest : never) => {
  const chosen = chooseVoice(gate, ...given)
  return chosen.ok ? chosen.voice : chosen.code
}

describe('whose decision it is', () => {
  it('is their own where they may decide, whoever delegated to them', () => {
    assert.deepEqual(voice(who('ann', 'reliability-engineer'), [who('bob', 'reliability-engineer')], null), { by: 'ann', onBehalfOf: null, roles: ['reliability-engineer'] })
    assert.deepEqual(voice(who('ann', 'reliability-engineer'), [who('bob', 'reliability-engineer')], 'bob'), { by: 'ann', onBehalfOf: 'bob', roles: ['reliability-engineer'] })
  })

  it('is the only delegator’s who may; of several, they say for whom', () => {
    const otto = who('otto', 'operator')
    assert.deepEqual(voice(otto, [who('mia', 'ml-engineer'), who('bob', 'reliability-engineer')], null), { by: 'otto', onBehalfOf: 'bob', roles: ['reliability-engineer'] })
    assert.equal(voice(otto, [who('cy', 'reliability-engineer'), who('bob', 'reliability-engineer')], null), 'ambiguous')
    assert.equal(voice(otto, [who('cy', 'reliability-engineer')], 'bob'), 'forbidden')
    assert.deepEqual(voice(otto, [], null), { by: 'otto', onBehalfOf: null, roles: [] })
  })

  it('carries nothing that the delegator lost, nor of one who made the proposal', () => {
    assert.deepEqual(voice(who('otto', 'operator'), [{ id: 'bob', roles: ['reliability-engineer'], mayDecide: false }], null), { by: 'otto', onBehalfOf: null, roles: [] })
    assert.deepEqual(voice(who('otto', 'operator'), [who('req', 'reliability-engineer')], null), { by: 'otto', onBehalfOf: null, roles: [] })
    const named = voice(who('otto', 'operator'), [who('req', 'reliability-engineer')], 'req')
    assert.ok(typeof named !== 'string')
    const refused = stepGate(gate, { kind: 'approve', ...named, evidenceDigest: 'e1' }, 10)
    assert.ok(!refused.ok && refused.code === 'separation_of_duties')
  })
})

describe('a reviewer whose approval is wanted', () => {
  const named = stepGate(gate, { kind: 'add-reviewer', by: 'req', roles: [], reviewer: 'max', required: true }, 10).gate
  const decide = (actor: ReturnType<typeof who>) => {
    const chosen = chooseVoice(named, actor, [], null)
    return chosen.ok ? stepGate(named, { kind: 'approve', ...chosen.voice, evidenceDigest: 'e1' }, 20) : chosen
  }

  it('decides with any role that decides at gates, and no more once that is lost', () => {
    assert.ok(decide({ id: 'max', roles: ['ml-engineer'], mayDecide: true }).ok)
    const lost = decide({ id: 'max', roles: ['operator'], mayDecide: false })
    assert.ok(!lost.ok && lost.code === 'forbidden')
    assert.match(lost.message, /max is wanted here, but none of their roles decides/)
  })
})

describe('a decision for another', () => {
  const forOther = (by: string, onBehalfOf: string) => ({ kind: 'approve' as const, by, onBehalfOf, roles: ['reliability-engineer' as const], evidenceDigest: 'e1' })

  it('is the other’s: an owner’s delegate brings the owner’s approval', () => {
    const first = stepGate(gate, forOther('otto', 'olga'), 10)
    assert.ok(first.ok)
    const done = stepGate(first.gate, { kind: 'approve', by: 'ann', roles: ['reliability-engineer'], evidenceDigest: 'e1' }, 10)
    assert.ok(done.ok && done.gate.state === 'approved')
  })

  it('makes nobody count twice', () => {
    const first = stepGate(gate, forOther('otto', 'bob'), 10)
    assert.ok(first.ok)
    for (const again of [forOther('otto', 'cy'), forOther('dee', 'bob'), forOther('bob', 'cy'), forOther('cy', 'otto')]) {
      const result = stepGate(first.gate, again, 10)
      assert.ok(!result.ok && result.code === 'conflict', `${again.by} for ${again.onBehalfOf}`)
    }
    const own = stepGate(first.gate, { kind: 'approve', by: 'bob', roles: ['reliability-engineer'], evidenceDigest: 'e1' }, 10)
    assert.ok(!own.ok && own.code === 'conflict')
  })
})
