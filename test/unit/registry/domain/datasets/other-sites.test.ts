import assert from 'node:assert/strict'
import { test } from 'node:test'
import { otherSitesOf } from '../../../../../registry/domain/datasets/other-sites.ts'

test('a retraining learns from the sites that its champion has learned from, for a family of one name', () => {
  const alone = { site: 'hamburg', family: 'pumps' }
  const both = { ...alone, sites: [{ site: 'hamburg' }, { site: 'tampa' }] }
  assert.deepEqual(otherSitesOf(alone, 'hamburg', 'pumps'), [])
  assert.deepEqual(otherSitesOf(both, 'hamburg', 'pumps'), ['tampa'])
  assert.deepEqual(otherSitesOf(both, 'tampa', 'pumps'), ['hamburg'])
  assert.deepEqual(otherSitesOf(alone, 'tampa', 'pumps'), ['hamburg'], 'it took the model over')
  assert.deepEqual(otherSitesOf(both, 'tampa', 'tampa-pumps'), [])
})
