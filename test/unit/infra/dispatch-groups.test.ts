import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GAP_PATIENCE_US, groupLimits, nextGroups, overlap } from '../../../infra/dispatch-groups.ts'
import type { WaitingBatch } from '../../../registry/store/waiting-batches.ts'

const NOW = 1e15
const batch = (sequence: number, given: Partial<WaitingBatch> = {}): WaitingBatch => ({
  site: 's', gateway: 'g', epoch: 'e', batchId: String(sequence), sequence, rowCount: 1000, traceId: 't', receivedUs: NOW, stored: false, follows: true, ...given,
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

  it('follow one that is under way once its batches are committed, when they are many', () => {
    const full = { rowCount: overlap.rows }
    const behind = (stored: boolean, next: Partial<WaitingBatch>, groups = 1): number[][] => {
      const first = batch(1, { stored })
      const underWay = [...nextGroups([first], NOW), ...Array.from({ length: groups - 1 }, () => nextGroups([batch(0)], NOW)[0]!)]
      return nextGroups([first, batch(2, next), batch(3, { gateway: 'h' })], NOW, underWay).map(({ batches }) => batches.map(({ sequence }) => sequence))
    }
    assert.deepEqual(behind(true, full), [[2], [3]])
    assert.deepEqual(behind(false, full), [[3]], 'its readings are not stored yet')
    assert.deepEqual(behind(true, { rowCount: overlap.rows - 1 }), [[3]], 'too few to pay')
    assert.deepEqual(behind(true, full, overlap.groups), [[3]], 'enough of them under way')
    assert.deepEqual(behind(true, { ...full, follows: false }), [[3]], 'one between them is missing')
  })

  it('stay within what one workflow takes, and always take one', () => {
    const many = Array.from({ length: 100 }, (_, i) => batch(i + 1))
    assert.deepEqual(taken(many).map((group) => group.length), [groupLimits.batches])
    const large = [1, 2, 3].map((sequence) => batch(sequence, { rowCount: groupLimits.rows / 2 }))
    assert.deepEqual(taken(large), [[1, 2]])
    assert.deepEqual(taken([batch(1, { rowCount: groupLimits.rows + 1 }), batch(2)]), [[1]])
  })
})
