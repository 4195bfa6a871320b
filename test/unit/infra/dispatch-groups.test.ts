import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GAP_PATIENCE_US, groupLimits, nextGroups } from '../../../infra/dispatch-groups.ts'
import type { WaitingBatch } from '../../../registry/store/waiting-batches.ts'

const NOW = 1e15
const batch = (sequence: number, given: Partial<WaitingBatch> = {}): WaitingBatch => ({
  site: 's', gateway: 'g', epoch: 'e', batchId: String(sequence), sequence, rowCount: 1000, traceId: 't', receivedUs: NOW, follows: true, ...given,
})
const taken = (waiting: readonly WaitingBatch[], nowUs = NOW): number[][] => nextGroups(waiting, nowUs).map(({ batches }) => batches.map(({ sequence }) => sequence))

describe('groups to dispatch', () => {
  it('take what follows without a gap, by buffer', () => {
    assert.deepEqual(taken([batch(1), batch(2), batch(7, { gateway: 'h' }), batch(8, { gateway: 'h' })]), [[1, 2], [7, 8]])
    assert.deepEqual(taken([batch(1), batch(2), batch(4, { follows: false }), batch(5)]), [[1, 2]])
    // A batch between them that was quarantined leaves no gap.
    assert.deepEqual(taken([batch(1), batch(3)]), [[1, 3]])
    assert.deepEqual(taken([]), [])
  })

  it('wait for what is missing, but not for ever', () => {
    const waiting = [batch(4, { follows: false }), batch(5)]
    assert.deepEqual(taken(waiting, NOW + GAP_PATIENCE_US - 1), [])
    assert.deepEqual(taken(waiting, NOW + GAP_PATIENCE_US), [[4, 5]])
    assert.deepEqual(nextGroups(waiting, NOW + GAP_PATIENCE_US).map(({ passedGap }) => passedGap), [true])
  })

  it('come in the order of their waiting', () => {
    assert.deepEqual(taken([batch(5), batch(6), batch(7, { gateway: 'h', receivedUs: NOW - 10 })]), [[7], [5, 6]])
  })

  it('stay within what one workflow takes, and always take one', () => {
    const many = Array.from({ length: 100 }, (_, i) => batch(i + 1))
    assert.deepEqual(taken(many).map((group) => group.length), [groupLimits.batches])
    const large = [1, 2, 3].map((sequence) => batch(sequence, { rowCount: groupLimits.rows / 2 }))
    assert.deepEqual(taken(large), [[1, 2]])
    assert.deepEqual(taken([batch(1, { rowCount: groupLimits.rows + 1 }), batch(2)]), [[1]])
  })
})
