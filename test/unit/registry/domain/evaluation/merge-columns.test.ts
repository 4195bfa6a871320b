import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ScoreColumns } from '../../../../../registry/domain/evaluation/fold-columns.ts'
import { mergeColumns } from '../../../../../registry/domain/evaluation/merge-columns.ts'

const columnsOf = (times: readonly number[], mark: number): ScoreColumns => ({
  endUs: Float64Array.from(times), suppressed: Uint8Array.from(times, (t) => (t + mark) % 2), signals: new Map([['score', Float64Array.from(times, (t) => t + mark / 10)]]),
})
const times = fc.uniqueArray(fc.nat(30), { maxLength: 20 }).map((list) => list.sort((a, b) => a - b))

test('holds every window once, in order, the first list before the second', () => {
  fc.assert(fc.property(times, times, (a, b) => {
    const merged = mergeColumns(columnsOf(a, 1), columnsOf(b, 2))
    const expected = [...new Set([...a, ...b])].sort((x, y) => x - y)
    assert.deepEqual([...merged.endUs], expected)
    assert.deepEqual([...merged.signals.get('score')!], expected.map((t) => t + (a.includes(t) ? 0.1 : 0.2)))
    assert.deepEqual([...merged.suppressed], expected.map((t) => (t + (a.includes(t) ? 1 : 2)) % 2))
  }))
})
