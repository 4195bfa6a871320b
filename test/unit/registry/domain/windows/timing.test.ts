import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { endAfter, endAtOrBefore, endsTouching, laneStart, windowWaitSchema } from '../../../../../registry/domain/windows/timing.ts'

const grids = fc.record({ hopUs: fc.integer({ min: 1, max: 1000 }), hops: fc.integer({ min: 1, max: 9 }), extra: fc.nat(999) })
  .map(({ hopUs, hops, extra }) => ({ hopUs, windowUs: hopUs * hops + (extra % hopUs) }))

test('ends lie on the grid, one strictly after and one at or before any instant', () => {
  fc.assert(fc.property(grids, fc.integer({ min: -1e6, max: 1e6 }), (grid, us) => {
    const before = endAtOrBefore(grid, us)
    const after = endAfter(grid, us)
    assert.ok(before <= us && us < after)
    assert.equal(after - before, grid.hopUs)
    assert.equal(Math.abs(before % grid.hopUs), 0)
  }))
})

test('a lane starts so that its first window begins in or after the hop of the first reading, and no later than need be', () => {
  fc.assert(fc.property(grids, fc.integer({ min: 0, max: 1e6 }), (grid, us) => {
    const firstEnd = laneStart(grid, us) + grid.hopUs
    const hop = endAtOrBefore(grid, us)
    assert.ok(firstEnd - grid.windowUs >= hop)
    assert.ok(firstEnd - grid.hopUs - grid.windowUs < hop)
  }))
})

test('the ends that touch an interval are exactly those of windows holding one of its instants', () => {
  fc.assert(fc.property(grids, fc.nat(5000), fc.nat(500), fc.nat(9000), (grid, from, length, through) => {
    const to = from + length
    const expected: number[] = []
    for (let end = 0; end <= Math.min(to + grid.windowUs, through); end += grid.hopUs) {
      if (end - grid.windowUs <= to && from < end) expected.push(end)
    }
    assert.deepEqual(endsTouching(grid, from, to, through), expected)
  }))
})

test('waiting times have defaults and refuse what they do not know', () => {
  assert.deepEqual(windowWaitSchema.parse({}), { latenessUs: 0, idleTimeoutUs: 60_000_000, revisionQuietUs: 30_000_000 })
  assert.equal(windowWaitSchema.safeParse({ lateness: 3 }).success, false)
})
