import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createPattern } from '../../../../edge/alarms/pattern.ts'
import type { Condition, TagCondition } from '../../../../edge/alarms/rule.ts'
import { createSense, type Truth } from '../../../../edge/alarms/sense.ts'
import { effort } from '../../../helpers/effort.ts'

const S = 1_000_000
const range = (given: Partial<Extract<TagCondition, { kind: 'range' }>>): TagCondition => ({ kind: 'range', tag: 'p/t', above: null, below: null, deadband: 0, ...given })
const rate = (given: Partial<Extract<TagCondition, { kind: 'rate' }>>): TagCondition => ({ kind: 'rate', tag: 'p/t', rises: null, falls: null, overUs: 10 * S, deadband: 0, ...given })

test('a range holds from the limit on until the value is back by the deadband; a bad reading is no knowledge', () => {
  const sense = createSense(range({ above: 90, below: 10, deadband: 5 }), 0)
  const course: [number | null, Truth][] = [[50, false], [90, false], [90.1, true], [86, true], [85, false], [88, false], [null, null], [9, true], [14, true], [null, null], [14, true], [15, false]]
  course.forEach(([value, truth], i) => {
    sense.see(value, i, i)
    assert.equal(sense.truth(i), truth, `${i}: ${value}`)
  })
})

test('never chatters: between two changes of truth the value has crossed the whole deadband', () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 60, max: 120, noNaN: true }), { maxLength: 80 }), (values) => {
    const sense = createSense(range({ above: 90, deadband: 5 }), 0)
    let was: Truth = false
    for (const [i, value] of values.entries()) {
      sense.see(value, i, i)
      const is = sense.truth(i)
      if (is !== was) assert.ok(is ? value > 90 : value <= 85)
      was = is
    }
  }), { numRuns: effort(300) })
})

test('a rate is the change over its window; before a window is full, and across a bad stretch, there is none', () => {
  const sense = createSense(rate({ rises: 2, falls: 4, deadband: 0.5 }), 0)
  const at = (s: number, value: number | null): Truth => {
    sense.see(value, s * S, s * S)
    return sense.truth(s * S)
  }
  assert.deepEqual([at(0, 0), at(5, 50), at(9, 90)], [null, null, null], 'no whole window yet')
  assert.equal(at(10, 21), true, '2.1 a second')
  assert.equal(sense.measure(0), 2.1)
  assert.equal(at(15, 66), true, '(66 − 50) / 10 = 1.6: within the deadband')
  assert.equal(at(19, 105), false, '(105 − 90) / 10 = 1.5')
  assert.equal(at(20, -20), true, '(−20 − 21) / 10: falls faster than 4')
  assert.equal(at(21, null), null)
  assert.deepEqual([at(22, 0), at(32, 0)], [null, false])
})

test('a rate over ever so many readings is that of the ends of its window, nearly, and of any even rise exactly', () => {
  fc.assert(fc.property(fc.double({ min: -5, max: 5, noNaN: true }), fc.integer({ min: 1, max: 50 }), (slope, everyMs) => {
    const sense = createSense(rate({ rises: 1, overUs: S }), 0)
    for (let ms = 0; ms <= 3000; ms += everyMs) sense.see((slope * ms) / 1000, ms * 1000, ms * 1000)
    assert.ok(Math.abs((sense.measure(0) ?? NaN) - slope) < 1e-6)
  }), { numRuns: effort(100) })
})

test('missing: by the gateway\'s clock, and a bad reading is none', () => {
  const sense = createSense({ kind: 'missing', tag: 'p/t', afterUs: 30 * S }, 100 * S)
  assert.deepEqual([sense.truth(130 * S), sense.truth(130 * S + 1)], [false, true])
  sense.see(null, 1, 140 * S)
  assert.equal(sense.truth(141 * S), true)
  sense.see(7, 1, 150 * S)
  assert.deepEqual([sense.truth(151 * S), sense.measure(152 * S)], [false, 2])
})

test('a pattern is Kleene\'s logic over what its tags say', () => {
  const leaf = (tag: string): TagCondition => ({ kind: 'range', tag, above: 0, below: null, deadband: 0 })
  const values = fc.constantFrom<Truth>(true, false, null)
  const shape = fc.letrec<{ any: Condition }>((tie) => ({
    any: fc.oneof({ maxDepth: 3 }, fc.constantFrom('a', 'b', 'c').map(leaf),
      fc.record({ kind: fc.constantFrom('all' as const, 'any' as const), of: fc.array(tie('any'), { minLength: 1, maxLength: 3 }) })),
  })).any
  // By definition: known when it comes out the same whatever the unknown tags are.
  const known = (when: Condition, of: Record<string, boolean>): boolean => (when.kind === 'all' ? when.of.every((part) => known(part, of)) : when.kind === 'any' ? when.of.some((part) => known(part, of)) : of[when.tag] as boolean)
  fc.assert(fc.property(shape, values, values, values, (when, a, b, c) => {
    const given: Record<string, Truth> = { a, b, c }
    const pattern = createPattern(when, 0)
    for (const sense of pattern.senses) {
      const truth = given[sense.of.tag] ?? null
      if (truth !== null) sense.see(truth ? 1 : -1, 0, 0)
    }
    const outcomes = new Set([true, false].flatMap((x) => [true, false].flatMap((y) => [true, false].map((z) => known(when, { a: a ?? x, b: b ?? y, c: c ?? z })))))
    const truth = pattern.truth(0)
    if (truth !== null) assert.deepEqual([...outcomes], [truth])
    // Every tag once: then nothing is knowable that Kleene does not know.
    const tags = pattern.senses.map(({ of }) => of.tag)
    if (new Set(tags).size === tags.length && outcomes.size === 1) assert.notEqual(truth, null)
  }), { numRuns: effort(500) })
})
