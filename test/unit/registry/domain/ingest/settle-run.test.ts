import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Run, StoredChunk } from '../../../../../registry/domain/ingest/chunk.ts'
import { mergeChunks } from '../../../../../registry/domain/ingest/merge.ts'
import { compactRun, cutRun } from '../../../../../registry/domain/ingest/runs.ts'
import { settleRun } from '../../../../../registry/domain/ingest/settle-run.ts'

interface Row { time: number; value: number; raw?: number; quality?: number }

const runOf = (rows: readonly Row[]): Run => {
  const sorted = rows.map((row, i) => ({ row, i })).sort((a, b) => a.row.time - b.row.time || a.i - b.i).map(({ row }) => row)
  return {
    timesUs: Float64Array.from(sorted, ({ time }) => time),
    values: Float64Array.from(sorted, ({ value }) => value),
    raws: Float64Array.from(sorted, ({ value, raw }) => raw ?? value),
    quality: Uint16Array.from(sorted, ({ quality }) => quality ?? 0),
  }
}

const rowsOf = ({ timesUs, values, raws, quality }: Run): string[] =>
  Array.from(timesUs, (time, i) => [time, values[i], (raws ?? values)[i], quality?.[i] ?? 0].join(' '))

/** Stores batches one after another as ingest does, batch i with commit number i + 1. */
function storeAll(batches: readonly Run[]): { chunks: StoredChunk[]; counts: { accepted: number; repeated: number; revised: number }[] } {
  const chunks: StoredChunk[] = []
  const counts = batches.map((run, i) => {
    const settled = settleRun(run, chunks)
    for (const { revision, run: part } of settled.parts) {
      for (const piece of cutRun(part)) {
        chunks.push({ ...compactRun(piece), tagRef: 1, revision, batchId: i + 1, commitNumber: i + 1, receivedUs: i })
      }
    }
    return settled.counts
  })
  return { chunks, counts }
}

/** The plain statement of the rule: of each (time, occurrence) the newest differing value. */
function model(batches: readonly Run[]): string[] {
  const known = new Map<number, string[]>()
  for (const run of batches) {
    const inBatch = new Map<number, string[]>()
    rowsOf(run).forEach((row, i) => { inBatch.set(run.timesUs[i]!, [...inBatch.get(run.timesUs[i]!) ?? [], row]) })
    for (const [time, rows] of inBatch) known.set(time, [...rows, ...(known.get(time) ?? []).slice(rows.length)])
  }
  return [...known].sort(([a], [b]) => a - b).flatMap(([, rows]) => rows)
}

const ALL = { fromUs: -Infinity, toUs: Infinity }
const value = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constant(Number.NaN))
const row = fc.record({ time: fc.integer({ min: 0, max: 12 }), value, raw: fc.integer({ min: 0, max: 1 }), quality: fc.constantFrom(0, 0, 0, 6) })
const batch = fc.array(row, { minLength: 1, maxLength: 12 }).map(runOf)

describe('settling runs', () => {
  it('leaves as known exactly what the rule says, as of every batch, and counts each row once', () => {
    fc.assert(fc.property(fc.array(batch, { minLength: 1, maxLength: 6 }), (batches) => {
      const { chunks, counts } = storeAll(batches)
      batches.forEach((run, i) => {
        const { accepted, repeated, revised } = counts[i]!
        assert.equal(accepted + repeated + revised, run.timesUs.length)
        assert.deepEqual(rowsOf(mergeChunks(chunks, ALL, i + 1)), model(batches.slice(0, i + 1)))
      })
    }), { numRuns: 500 })
  })

  it('gives the same whatever part of the span is asked for, and in whatever order chunks come', () => {
    fc.assert(fc.property(fc.array(batch, { minLength: 1, maxLength: 5 }), fc.nat(12), fc.nat(12), fc.infiniteStream(fc.double()), (batches, a, b, keys) => {
      const { chunks } = storeAll(batches)
      const span = { fromUs: Math.min(a, b), toUs: Math.max(a, b) }
      const whole = mergeChunks(chunks, ALL, Infinity)
      const shuffled = chunks.map((chunk) => ({ chunk, key: keys.next().value as number })).sort((x, y) => x.key - y.key).map(({ chunk }) => chunk)
      const part = rowsOf(mergeChunks(shuffled, span, Infinity))
      assert.deepEqual(part, rowsOf(whole).filter((_, i) => whole.timesUs[i]! >= span.fromUs && whole.timesUs[i]! < span.toUs))
    }))
  })

  it('changes nothing the second time', () => {
    fc.assert(fc.property(fc.array(batch, { minLength: 1, maxLength: 4 }), (batches) => {
      const { chunks } = storeAll(batches)
      const again = settleRun(batches.at(-1)!, chunks)
      assert.deepEqual(again, { counts: { accepted: 0, repeated: batches.at(-1)!.timesUs.length, revised: 0 }, parts: [] })
    }))
  })

  it('ends with the same readings in any order of batches that do not contradict each other', () => {
    fc.assert(fc.property(fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 10 }), { minLength: 2, maxLength: 5 }), (lists) => {
      const batches = lists.map((times) => runOf(times.map((time) => ({ time, value: time * 3 }))))
      const forward = mergeChunks(storeAll(batches).chunks, ALL, Infinity)
      const backward = mergeChunks(storeAll([...batches].reverse()).chunks, ALL, Infinity)
      assert.deepEqual(rowsOf(backward), rowsOf(forward))
    }))
  })

  it('hands a run through untouched where nothing is stored in its span', () => {
    const run = runOf([{ time: 5, value: 1 }, { time: 6, value: 2 }])
    const { chunks } = storeAll([runOf([{ time: 1, value: 1 }, { time: 9, value: 1 }])])
    assert.equal(settleRun(run, chunks).parts[0]?.run, run)
    assert.equal(settleRun(run, []).parts[0]?.run, run)
    assert.deepEqual(settleRun(runOf([]), chunks), { counts: { accepted: 0, repeated: 0, revised: 0 }, parts: [] })
  })

  it('says which commit and which landing the newest of the readings came with', () => {
    const { chunks } = storeAll([runOf([{ time: 1, value: 1 }]), runOf([{ time: 5, value: 1 }])])
    assert.equal(mergeChunks(chunks, ALL, Infinity).commitNumber, 2)
    assert.equal(mergeChunks(chunks, { fromUs: 0, toUs: 5 }, Infinity).commitNumber, 1)
    assert.equal(mergeChunks(chunks, ALL, 0).timesUs.length, 0)
  })
})
