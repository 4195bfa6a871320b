import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { halve, planRequests, type Cut, type Limits, type Span } from '../../../../../edge/connectors/modbus/plan.ts'

const full: Limits = { registers: 125, coils: 2_000, gapRegisters: 16, gapCoils: 128 }
const holding = (start: number, count = 1): Span => ({ table: 'holding', start, count })
const ranges = (items: Span[], limits = full, cuts: Cut[] = []) => planRequests(items, limits, cuts).map(({ table, start, count }) => `${table} ${start}+${count}`)

test('near registers become one request; far ones and other tables do not', () => {
  assert.deepEqual(ranges([holding(10, 2), holding(0), holding(28), holding(29)]), ['holding 0+30'])
  assert.deepEqual(ranges([holding(0), holding(17), holding(35)]), ['holding 0+18', 'holding 35+1'])
  assert.deepEqual(ranges([holding(0), { table: 'input', start: 1, count: 1 }, { table: 'coil', start: 0, count: 1 }, { table: 'coil', start: 120, count: 1 }]), ['holding 0+1', 'input 1+1', 'coil 0+121'])
  assert.deepEqual(ranges(Array.from({ length: 250 }, (_, i) => holding(i))), ['holding 0+125', 'holding 125+125'])
  assert.deepEqual(ranges([holding(0, 4), holding(123, 4), holding(124)], { ...full, gapRegisters: 124 }), ['holding 0+4', 'holding 123+4'])
})

test('a cut keeps requests apart; what it goes through is read alone', () => {
  assert.deepEqual(ranges([holding(0), holding(1), holding(2)], full, [holding(2, 0)]), ['holding 0+2', 'holding 2+1'])
  assert.deepEqual(ranges([holding(0), holding(2), holding(4)], full, [holding(1)]), ['holding 0+1', 'holding 2+3'])
  assert.deepEqual(ranges([holding(0), holding(0, 4), holding(1)], full, [holding(2, 0)]), ['holding 0+4', 'holding 0+2'])
  assert.deepEqual(ranges([holding(0), holding(1)], full, [{ table: 'input', start: 1, count: 0 }]), ['holding 0+2'])
})

test('refuses an item that no request can hold', () => {
  assert.throws(() => planRequests([holding(0, 4)], { ...full, registers: 3 }), /does not fit/)
})

const span = fc.record({ table: fc.constantFrom('holding' as const, 'coil' as const), start: fc.nat(60), count: fc.constantFrom(1, 1, 2, 4) })
const cut = fc.record({ table: fc.constantFrom('holding' as const, 'coil' as const), start: fc.nat(60), count: fc.nat(3) })
const limits = fc.record({ registers: fc.integer({ min: 4, max: 30 }), coils: fc.integer({ min: 4, max: 30 }), gapRegisters: fc.nat(10), gapCoils: fc.nat(10) })

/** The rule, told another way than the planner does: which groups may be one request. */
function allowed(group: readonly Span[], { registers, coils, gapRegisters, gapCoils }: Limits, cuts: readonly Cut[]): boolean {
  const [first] = group
  if (!first) return true
  if (group.some(({ table }) => table !== first.table)) return false
  const wanted = new Set(group.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + i)))
  const from = Math.min(...wanted)
  const to = Math.max(...wanted) + 1
  if (to - from > (first.table === 'coil' ? coils : registers)) return false
  if (group.length === 1) return true
  let gap = 0
  for (let at = from; at < to; at++) {
    gap = wanted.has(at) ? 0 : gap + 1
    if (gap > (first.table === 'coil' ? gapCoils : gapRegisters)) return false
  }
  return !cuts.some((c) => c.table === first.table && (c.count === 0 ? from < c.start && c.start < to : Array.from({ length: c.count }, (_, i) => c.start + i).some((at) => from <= at && at < to)))
}

test('every item is read once, whole, in a request that the rule allows', () => {
  fc.assert(fc.property(fc.array(span, { maxLength: 40 }), limits, fc.array(cut, { maxLength: 4 }), (items, limit, cuts) => {
    const plan = planRequests(items, limit, cuts)
    assert.equal(plan.flatMap((request) => request.items).length, items.length)
    assert.deepEqual(new Set(plan.flatMap((request) => request.items)), new Set(items))
    for (const request of plan) {
      for (const item of request.items) assert.ok(item.table === request.table && request.start <= item.start && item.start + item.count <= request.start + request.count)
      assert.equal(request.start, Math.min(...request.items.map((item) => item.start)))
      assert.equal(request.start + request.count, Math.max(...request.items.map((item) => item.start + item.count)))
      assert.ok(allowed(request.items, limit, cuts), JSON.stringify(request))
    }
  }), { numRuns: 1_000 })
})

/** The least number of allowed groups over all ways to part the items. */
function fewest(items: readonly Span[], limit: Limits, cuts: readonly Cut[]): number {
  let best = Infinity
  const place = (index: number, groups: Span[][]) => {
    if (groups.length >= best) return
    const item = items[index]
    if (!item) {
      if (groups.every((group) => allowed(group, limit, cuts))) best = groups.length
      return
    }
    for (const group of groups) {
      group.push(item)
      place(index + 1, groups)
      group.pop()
    }
    groups.push([item])
    place(index + 1, groups)
    groups.pop()
  }
  place(0, [])
  return best
}

test('no plan within the rule has fewer requests', () => {
  const near = fc.record({ table: fc.constant('holding' as const), start: fc.nat(24), count: fc.constantFrom(1, 1, 2, 4) })
  const tight = fc.record({ registers: fc.integer({ min: 4, max: 14 }), coils: fc.constant(4), gapRegisters: fc.nat(5), gapCoils: fc.constant(0) })
  const cuts = fc.array(fc.record({ table: fc.constant('holding' as const), start: fc.nat(26), count: fc.nat(2) }), { maxLength: 2 })
  fc.assert(fc.property(fc.array(near, { maxLength: 7 }), tight, cuts, (items, limit, cut) => {
    assert.equal(planRequests(items, limit, cut).length, fewest(items, limit, cut))
  }), { numRuns: 600 })
})

test('halves have the items of the whole, each once', () => {
  fc.assert(fc.property(fc.array(span, { minLength: 2, maxLength: 30 }), limits, (items, limit) => {
    for (const request of planRequests(items, limit).filter((candidate) => candidate.items.length > 1)) {
      const [left, right] = halve(request)
      assert.deepEqual([...left.items, ...right.items], request.items)
      for (const half of [left, right]) assert.deepEqual(planRequests(half.items, { ...limit, gapRegisters: 99, gapCoils: 99 }).map(({ start, count }) => [start, count]), [[half.start, half.count]])
    }
  }))
})
