import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { buffersStoring, GAP_PATIENCE_US, groupLimits, nextGroups, overlap, type Group } from '../../../infra/dispatch-groups.ts'
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

  it('hold their buffer until their readings are stored', () => {
    const there = [batch(1), batch(2), batch(3), batch(7, { gateway: 'h', stored: true })]
    const underWay = nextGroups([batch(1), batch(2), batch(7, { gateway: 'h' })], NOW)
    assert.deepEqual([...buffersStoring(there, underWay)], ['s/g/e'])
    assert.deepEqual([...buffersStoring(there.map((each) => ({ ...each, stored: each.sequence !== 3 })), underWay)], [], 'the third is of no group')
    assert.deepEqual([...buffersStoring(there, [])], [])
  })

  it('stay within what one workflow takes, and always take one', () => {
    const many = Array.from({ length: 100 }, (_, i) => batch(i + 1))
    assert.deepEqual(taken(many).map((group) => group.length), [groupLimits.batches])
    const large = [1, 2, 3].map((sequence) => batch(sequence, { rowCount: groupLimits.rows / 2 }))
    assert.deepEqual(taken(large), [[1, 2]])
    assert.deepEqual(taken([batch(1, { rowCount: groupLimits.rows + 1 }), batch(2)]), [[1]])
  })

  it('store a gateway\'s buffers one after the other, in the order in which they came', () => {
    const later = (sequence: number, batchId: number, given: Partial<WaitingBatch> = {}): WaitingBatch => batch(sequence, { epoch: 'a', batchId: String(batchId), ...given })
    assert.deepEqual(taken([later(1, 12), later(2, 13), batch(7, { batchId: '9' }), batch(8, { batchId: '11' })]), [[7, 8]])
    assert.deepEqual(taken([later(1, 12), batch(7, { batchId: '9', stored: true })]), [[1], [7]], 'windows may close side by side')
    assert.deepEqual(taken([later(1, 12, { stored: true }), later(2, 13), batch(7, { batchId: '9' })]), [[1], [7]])
    assert.deepEqual(taken([later(1, 12), batch(8, { batchId: '9', follows: false })]), [], 'one before them is missing')
    const former = batch(7, { batchId: '9' })
    assert.deepEqual(nextGroups([later(1, 12), former], NOW, nextGroups([former], NOW)), [], 'being stored is not stored')
    assert.deepEqual(taken([batch(1, { epoch: 'a', gateway: 'h', batchId: '12' }), batch(7, { batchId: '9' })]), [[1], [7]], 'gateways wait for their own')
  })

  it('are stored in order, each batch once and none left, whatever lands and ends when', () => {
    const arrivals = fc.array(fc.record({ epoch: fc.nat(2), shift: fc.nat(3), rowCount: fc.constantFrom(1, overlap.rows) }), { minLength: 1, maxLength: 25 })
    fc.assert(fc.property(arrivals, fc.boolean(), fc.infiniteStream(fc.nat()), (given, cloned, pick) => {
      // Sequences of an epoch land a few places out of order; epochs one after the other, but for those of a clone.
      const next = [0, 0, 0]
      const landing = (cloned ? given : [...given].sort((a, b) => a.epoch - b.epoch))
        .map(({ epoch, shift, rowCount }, i) => ({ epoch, sequence: ++next[epoch]!, place: i + shift, rowCount, i }))
        .sort((a, b) => (cloned ? 0 : a.epoch - b.epoch) || a.place - b.place || a.i - b.i)
        .map(({ epoch, sequence, rowCount }, at) => batch(sequence, { epoch: String(epoch), batchId: String(at + 1), rowCount }))
      const landed: WaitingBatch[] = []
      const stored: WaitingBatch[] = []
      const ended = new Set<string>()
      const underWay: Group[] = []
      const waiting = () => landed.filter(({ batchId }) => !ended.has(batchId)).sort((a, b) => Number(a.epoch) - Number(b.epoch) || a.sequence - b.sequence)
        .map((one) => ({ ...one, stored: stored.some(({ batchId }) => batchId === one.batchId), follows: one.sequence === 1 || landed.some(({ epoch, sequence }) => epoch === one.epoch && sequence === one.sequence - 1) }))
      for (let moves = 0; ended.size < landing.length; moves++) {
        assert.ok(moves < 1_000, 'it stands still')
        const open = underWay.filter(({ batches }) => batches.some(({ batchId }) => !stored.some((one) => one.batchId === batchId)))
        const acts = [
          ...(landed.length < landing.length ? [() => { landed.push(landing[landed.length]!) }] : []),
          ...open.map((group) => () => { stored.push(...group.batches) }),
          ...underWay.filter((group) => !open.includes(group)).map((group) => () => {
            underWay.splice(underWay.indexOf(group), 1)
            for (const { batchId } of group.batches) ended.add(batchId)
          }),
        ]
        acts[pick.next().value! % Math.max(1, acts.length)]?.()
        underWay.push(...nextGroups(waiting(), NOW, underWay))
      }
      assert.equal(new Set(stored.map(({ batchId }) => batchId)).size, landing.length)
      assert.equal(stored.length, landing.length)
      for (const epoch of ['0', '1', '2']) assert.deepEqual(stored.filter((one) => one.epoch === epoch).map(({ sequence }) => sequence), next.flatMap((n, i) => (String(i) === epoch ? Array.from({ length: n }, (_, k) => k + 1) : [])))
      if (!cloned) assert.deepEqual(stored.map(({ epoch }) => epoch), [...stored.map(({ epoch }) => epoch)].sort(), 'a later epoch was stored before a former one')
    }), { numRuns: 500 })
  })
})
