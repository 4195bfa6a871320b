import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changesOf, decisionsText, scoresText } from '../../../../api/console/client/text/what-if.ts'

const at = { scoreId: '1', windowEnd: '2026-01-01T00:00:00Z' }
const change = (rule: string, raised: string) => ({ lane: 'live' as const, rule, raised, cleared: null, scoreId: '1', alert: null })

test('a what-if replay says what differs in words', () => {
  assert.equal(scoresText({ scores: { differing: 0, onOneSide: 0, greatest: null } }), 'none differs')
  assert.equal(scoresText({ scores: { differing: 3, onOneSide: 0, greatest: { ...at, before: { score: 1.23456, confidence: null }, after: { score: null, confidence: null }, difference: 1 } } }), '3 differ, at most from 1.235 to none')
  assert.equal(decisionsText({ decisions: { differing: 0, first: null } }), 'none differs')
  assert.equal(decisionsText({ decisions: { differing: 1, first: { ...at, before: null, after: { fired: 'wear', severity: 'high', inForce: ['wear'] } } } }), '1 differs: nothing then, wear here')
})

test('alerts that change come by time, each with what becomes of it', () => {
  const rows = changesOf({
    gained: [change('b', '2026-01-01T03:00:00Z')], lost: [change('a', '2026-01-01T01:00:00Z')],
    moved: [{ ...change('c', '2026-01-01T02:00:00Z'), before: '2026-01-01T02:00:30Z', beforeScoreId: null, shiftSeconds: -30 }],
  })
  assert.deepEqual(rows.map(({ rule, what }) => [rule, what]), [['a', 'lost'], ['c', '30 s earlier'], ['b', 'gained']])
})
