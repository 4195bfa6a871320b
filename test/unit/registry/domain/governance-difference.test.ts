import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { differencesOf } from '../../../../registry/domain/governance/difference.ts'
import { defaultGovernance, familyGovernanceSchema } from '../../../../registry/domain/governance/family.ts'

describe('differences of governance', () => {
  it('are told leaf by leaf, lists as wholes, and nothing where nothing differs', () => {
    const other = familyGovernanceSchema.parse({ 'promote-model': { requiredApprovals: 2, roles: ['ml-engineer', 'reliability-engineer'] } })
    assert.deepEqual(differencesOf({ owner: null, ...defaultGovernance }, { owner: 'rita', ...other }), [
      { path: 'owner', from: null, to: 'rita' },
      { path: 'promote-model.requiredApprovals', from: 1, to: 2 },
      { path: 'promote-model.roles', from: ['reliability-engineer'], to: ['ml-engineer', 'reliability-engineer'] },
    ])
    assert.deepEqual(differencesOf(defaultGovernance, structuredClone(defaultGovernance)), [])
    assert.deepEqual(differencesOf({ a: { b: 1 } }, { a: null }), [{ path: 'a', from: { b: 1 }, to: null }])
  })

  it('nobody changes governance in an emergency', () => {
    assert.throws(() => familyGovernanceSchema.parse({ 'change-governance': { emergency: { roles: ['admin'] } } }), /not changed in an emergency/)
  })
})
