import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isUnanswered, needsOf, silentFor } from '../../../../api/console/client/text/alerts.ts'
import { sentence } from '../../../../api/console/client/text/sentence.ts'
import type { AlertRow } from '../../../../api/console/client/types.ts'

const alert = (asset: string, severity: AlertRow['severity'], minute: number, rest: Partial<AlertRow> = {}): AlertRow => ({
  id: `${asset}-${minute}`, site: 'works', asset, rule: 'wear', state: 'unacknowledged', severity, failureMode: null, recommendedAction: 'Look.', release: 'r1', scoreId: '1',
  raisedAt: '2026-01-01T00:00:00Z', clearedAt: null, createdAt: `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z`, acknowledgeBy: null, overdueAt: null,
  acknowledgedAt: null, acknowledgedBy: null, escalationLevel: 0, shelvedUntil: null, closedAt: null, ...rest,
})

describe('what needs somebody now', () => {
  it('is each machine once, by its gravest alert, the gravest machine first, of equal ones the one that waits longest', () => {
    const needs = needsOf([alert('b', 'medium', 1), alert('a', 'medium', 2), alert('c', 'low', 0), alert('c', 'urgent', 9), alert('a', 'low', 0)])
    assert.deepEqual(needs.map(({ alert: { id }, more }) => [id, more]), [['c-9', 1], ['b-1', 0], ['a-2', 1]])
  })

  it('is what nobody took in hand, be its signal back to normal or not', () => {
    assert.equal(isUnanswered(alert('a', 'low', 0, { state: 'returned-unacknowledged' })), true)
    for (const rest of [{ state: 'acknowledged' }, { state: 'closed' }, { shelvedUntil: '2026-01-01T08:00:00Z' }] as const) assert.equal(isUnanswered(alert('a', 'low', 0, rest)), false)
  })

  it('is told of machines that went silent, by the distance of their windows', () => {
    const scoredAt = '2026-01-01T00:00:00Z'
    const after = (hours: number) => Date.parse(scoredAt) + hours * 3_600_000
    assert.equal(silentFor({ lane: 'live', scoredAt, hopSeconds: 3600 }, after(3.5)), null)
    assert.equal(silentFor({ lane: 'live', scoredAt, hopSeconds: 3600 }, after(5)), 5 * 3_600_000)
    assert.equal(silentFor({ lane: 'live', scoredAt, hopSeconds: 86_400 }, after(70)), null)
    assert.equal(silentFor({ lane: 'backfill', scoredAt, hopSeconds: 3600 }, after(5000)), null)
    assert.equal(silentFor({ lane: null, scoredAt: null, hopSeconds: null }, after(5)), null)
  })

  it('is said in sentences', () => {
    assert.deepEqual(['no asset x stands', 'Done.'].map(sentence), ['No asset x stands.', 'Done.'])
  })
})
