import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { demand, phraseOf, rights, type Actor } from '../../../../../registry/domain/access/rights.ts'

describe('rights', () => {
  it('are refused in words, with the name of the right and who has it', () => {
    const otto: Actor = { id: 'otto', roles: ['operator'], sites: ['skab'] }
    assert.throws(() => { demand(otto, 'rollout.steer', 'skab') }, {
      code: 'forbidden', message: 'otto may not stop or advance rollouts (rollout.steer) at site skab: it takes one of the roles ml-engineer, reliability-engineer, admin; ask an admin.',
    })
  })

  it('have each a phrase of their own', () => {
    assert.equal(new Set(rights.map(phraseOf)).size, rights.length)
  })
})
