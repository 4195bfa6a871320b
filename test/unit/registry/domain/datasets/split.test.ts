import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createExclusionFinder, labelVersion } from '../../../../../registry/domain/datasets/exclusions.ts'
import { splitByTime, type SplitRow } from '../../../../../registry/domain/datasets/split.ts'

const rowsArbitrary: fc.Arbitrary<SplitRow[]> = fc.record({ n: fc.integer({ min: 0, max: 120 }), length: fc.integer({ min: 1, max: 6 }), assets: fc.integer({ min: 1, max: 3 }) })
  .chain(({ n, length, assets }) => fc.array(fc.record({ asset: fc.integer({ min: 1, max: assets }), excluded: fc.boolean() }), { minLength: n, maxLength: n })
    .map((rows) => rows.map(({ asset, excluded }, i) => ({ asset: `pump-${asset}`, endUs: i * 10 + 60, startUs: i * 10 + 60 - length * 10, excluded }))))

test('no window of one part shares a reading with a window of another', () => {
  fc.assert(fc.property(rowsArbitrary, (rows) => {
    const part = splitByTime(rows)
    rows.forEach((a, i) => rows.forEach((b, j) => {
      if (a.asset !== b.asset || part[i] === part[j] || part[i] === 'gap' || part[j] === 'gap') return
      assert.ok(a.endUs <= b.startUs || b.endUs <= a.startUs, `${part[i]} and ${part[j]} overlap`)
    }))
  }))
})

test('each asset trains on its past, and is judged on its future', () => {
  fc.assert(fc.property(rowsArbitrary, (rows) => {
    const part = splitByTime(rows)
    const order = { train: 0, calibration: 1, test: 2 }
    const last = new Map<string, number>()
    rows.forEach(({ asset }, i) => {
      const p = part[i]!
      if (p === 'gap') return
      assert.ok(order[p] >= (last.get(asset) ?? 0))
      last.set(asset, order[p])
    })
  }))
})

test('shares count normal rows, windows that do not overlap leave no gap', () => {
  const rows = Array.from({ length: 100 }, (_, i) => ({ asset: 'pump-1', startUs: i, endUs: i + 1, excluded: false }))
  const part = splitByTime(rows)
  assert.deepEqual(['train', 'calibration', 'test', 'gap'].map((p) => part.filter((x) => x === p).length), [60, 20, 20, 0])
})

test('a window is excluded by what overlaps it on its own asset, half-open', () => {
  const find = createExclusionFinder([
    { asset: 'a', fromUs: 10, toUs: 20, reason: 'maintenance:stop', source: 'm1' }, { asset: 'a', fromUs: 15, toUs: null, reason: 'label:faulty', source: 'l1' },
  ])
  assert.equal(find('a', 0, 10), null)
  assert.equal(find('a', 0, 11), 'maintenance:stop')
  assert.equal(find('a', 20, 30), 'label:faulty')
  assert.equal(find('b', 10, 20), null)
})

test('the label version changes with what is known', () => {
  const one = { asset: 'a', fromUs: 1, toUs: 2, reason: 'label:faulty', source: 'l1' }
  assert.notEqual(labelVersion([]), labelVersion([one]))
  assert.equal(labelVersion([one]), labelVersion([{ ...one }]))
})
