import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createWatermark } from '../../../edge/watermark.ts'

test('a claim counts once its entry and all before it of that source are cut', () => {
  const watermark = createWatermark([{ id: 'a', mode: 'live' }])
  watermark.observe(1, 'a', null)
  watermark.observe(2, 'a', 100)
  watermark.cut([2])
  assert.equal(watermark.through('live'), null)
  watermark.cut([1])
  assert.equal(watermark.through('live'), 100)
})

test('the slowest source holds the promise, of its own lane only', () => {
  const watermark = createWatermark([{ id: 'a', mode: 'live' }, { id: 'b', mode: 'simulation' }, { id: 'h', mode: 'backfill' }])
  watermark.observe(1, 'a', 500)
  watermark.observe(2, 'h', 10)
  watermark.cut([1, 2])
  assert.equal(watermark.through('live'), null)
  assert.equal(watermark.through('backfill'), 10)
  watermark.observe(3, 'b', 300)
  watermark.cut([3])
  assert.equal(watermark.through('live'), 300)
})

test('a source that is no longer configured holds nothing back; a promise is not taken back', () => {
  const watermark = createWatermark([{ id: 'a', mode: 'live' }], { a: 50, gone: 1 })
  assert.equal(watermark.through('live'), 50)
  watermark.observe(1, 'a', 20)
  watermark.cut([1])
  assert.equal(watermark.through('live'), 50)
})

test('whatever the order of cutting and restarts, a promise never covers an entry that still waits', () => {
  const script = fc.array(fc.record({
    source: fc.constantFrom('a', 'b'),
    step: fc.integer({ min: 1, max: 5 }),
    claims: fc.boolean(),
    /** Which of the waiting entries are cut after this one, by kind as the cutter does it. */
    kind: fc.integer({ min: 0, max: 1 }),
    cutKind: fc.option(fc.integer({ min: 0, max: 1 }), { nil: undefined }),
    restart: fc.boolean(),
  }), { maxLength: 40 })
  fc.assert(fc.property(script, (steps) => {
    const sources = [{ id: 'a', mode: 'live' as const }, { id: 'b', mode: 'live' as const }]
    let watermark = createWatermark(sources)
    const clock: Record<string, number> = { a: 0, b: 0 }
    /** Each entry covers (from, to] of its source's time. */
    let waiting: { id: number; source: string; from: number; claim: number | null; kind: number }[] = []
    let promised = -Infinity
    steps.forEach((s, index) => {
      const from = clock[s.source] ?? 0
      clock[s.source] = from + s.step
      const entry = { id: index + 1, source: s.source, from, claim: s.claims ? from + s.step : null, kind: s.kind }
      waiting.push(entry)
      watermark.observe(entry.id, entry.source, entry.claim)
      if (s.cutKind !== undefined) {
        const ids = waiting.filter(({ kind }) => kind === s.cutKind).map(({ id }) => id)
        watermark.cut(ids)
        waiting = waiting.filter(({ id }) => !ids.includes(id))
        const through = watermark.through('live')
        if (through !== null) {
          assert.ok(through >= promised)
          promised = through
          for (const w of waiting) assert.ok(through <= w.from, `promised ${through} while an entry from ${w.from} on waits`)
          assert.ok(through <= Math.min(clock['a'] ?? 0, clock['b'] ?? 0))
        }
      }
      if (s.restart) {
        watermark = createWatermark(sources, watermark.state())
        for (const w of waiting) watermark.observe(w.id, w.source, w.claim)
      }
    })
  }))
})
