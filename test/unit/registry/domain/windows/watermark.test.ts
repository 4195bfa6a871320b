import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dueRanges, occupiedEnds, type DueRange } from '../../../../../registry/domain/windows/due.ts'
import { foldWatermark, type SourceBatch, type SourceStates } from '../../../../../registry/domain/windows/watermark.ts'

const grid = { windowUs: 30, hopUs: 10 }
const always = (batches: readonly SourceBatch[]) => new Map(batches.map((b) => [b.source, 1]))
const batch = (commitNumber: number, source: string, completeThroughUs: number, receivedUs = commitNumber): SourceBatch =>
  ({ commitNumber, source, completeThroughUs, receivedUs })

test('the watermark is the minimum over the sources and never moves by a source that repeats itself', () => {
  const batches = [batch(1, 'a', 100), batch(2, 'b', 40), batch(3, 'b', 30), batch(4, 'b', 120)]
  const { steps } = foldWatermark({ states: {}, batches, feedsSince: always(batches), waiting: [], idleTimeoutUs: 1000 })
  assert.deepEqual(steps.map((s) => s.watermarkUs), [100, 40, 40, 100])
})

test('a silent source is left out after the timeout and counts again when it comes back', () => {
  const batches = [batch(1, 'a', 10, 0), batch(2, 'b', 10, 5), batch(3, 'a', 50, 40), batch(4, 'a', 90, 120), batch(5, 'b', 20, 130)]
  const { steps } = foldWatermark({ states: {}, batches, feedsSince: always(batches), waiting: [], idleTimeoutUs: 100 })
  assert.deepEqual(steps.map((s) => s.watermarkUs), [10, 10, 10, 90, 20])
})

test('a source whose batches wait in the queue is not idle', () => {
  const batches = [batch(1, 'a', 10, 0), batch(2, 'b', 10, 5), batch(3, 'a', 90, 120)]
  const fold = (waiting: { source: string; receivedUs: number }[]) =>
    foldWatermark({ states: {}, batches, feedsSince: always(batches), waiting, idleTimeoutUs: 100 }).steps.at(-1)?.watermarkUs
  assert.equal(fold([]), 90)
  assert.equal(fold([{ source: 'b', receivedUs: 100 }]), 10)
  assert.equal(fold([{ source: 'b', receivedUs: 121 }]), 90, 'what arrives later proves nothing about then')
})

test('batches from before a source fed the asset do not hold its windows back', () => {
  const batches = [batch(1, 'a', 100), batch(2, 'b', 5), batch(3, 'a', 150), batch(4, 'b', 40)]
  const { steps } = foldWatermark({ states: {}, batches, feedsSince: new Map([['a', 1], ['b', 4]]), waiting: [], idleTimeoutUs: 1000 })
  assert.deepEqual(steps.map((s) => [s.commitNumber, s.watermarkUs]), [[1, 100], [3, 150], [4, 40]])
})

test('due ranges follow the watermark less the lateness, aligned, and never go back', () => {
  const step = (commitNumber: number, watermarkUs: number) => ({ commitNumber, source: 'a', watermarkUs })
  const { ranges, positions, closedThroughUs } = dueRanges(grid, 5, 20, [step(1, 36), step(2, 12), step(3, -Infinity), step(4, 65)])
  assert.deepEqual(ranges, [{ commitNumber: 1, afterUs: 20, throughUs: 30 }, { commitNumber: 4, afterUs: 30, throughUs: 60 }])
  assert.deepEqual(positions.map((p) => p.closedThroughUs), [20, 30, 30, 30])
  assert.equal(closedThroughUs, 60)
})

/** Several gateways, each in its own contiguous order; any interleaving; committed one by one. */
const histories = fc.array(fc.record({
  source: fc.constantFrom('a', 'b', 'c'), advance: fc.integer({ min: -15, max: 60 }), pause: fc.integer({ min: 0, max: 80 }),
}), { minLength: 1, maxLength: 40 }).map((moves) => {
  const through: Record<string, number> = {}
  let wall = 0
  return moves.map(({ source, advance, pause }, i) => {
    wall += pause
    const complete = (through[source] ?? 0) + advance
    through[source] = complete
    return batch(i + 1, source, complete, wall)
  })
})

test('which window is due with which commit does not depend on how batches were grouped into closings', () => {
  fc.assert(fc.property(histories, fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 40, maxLength: 40 }), fc.nat(7), (batches, sizes, lateness) => {
    const feedsSince = new Map<string, number>()
    for (const b of batches) if (!feedsSince.has(b.source)) feedsSince.set(b.source, b.commitNumber)
    const closeInGroups = (groupSizes: readonly number[]): DueRange[] => {
      let states: SourceStates = {}
      let closed = 0
      const out: DueRange[] = []
      let at = 0
      for (const size of groupSizes) {
        const group = batches.slice(at, at + size)
        at += size
        if (group.length === 0) break
        const landedByThen = batches.slice(at).filter((b) => b.receivedUs <= (group.at(-1) as SourceBatch).receivedUs)
        const folded = foldWatermark({ states, batches: group, feedsSince, waiting: landedByThen, idleTimeoutUs: 100 })
        const due = dueRanges(grid, lateness, closed, folded.steps)
        states = JSON.parse(JSON.stringify(folded.states)) as SourceStates
        closed = due.closedThroughUs
        out.push(...due.ranges)
      }
      return out
    }
    assert.deepEqual(closeInGroups(sizes), closeInGroups(batches.map(() => 1)))
  }))
})

test('occupied ends are those of windows with a reading, at any hop and gap', () => {
  fc.assert(fc.property(
    fc.array(fc.nat(3000), { maxLength: 30 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 60 }), fc.nat(200), fc.nat(3000),
    (times, hopUs, over, after, length) => {
      const g = { hopUs, windowUs: hopUs + over }
      const afterUs = after * hopUs
      const throughUs = afterUs + Math.floor(length / hopUs) * hopUs
      const sorted = [...times].sort((x, y) => x - y)
      const expected: number[] = []
      for (let end = afterUs + hopUs; end <= throughUs; end += hopUs) {
        if (sorted.some((t) => t >= end - g.windowUs && t < end)) expected.push(end)
      }
      assert.deepEqual(occupiedEnds(g, { commitNumber: 1, afterUs, throughUs }, (t) => sorted.find((x) => x >= t)), expected)
    }))
})
