import type { WaveformInsert } from '../../registry/store/chunk-rows.ts'
import { NEWEST, type TagSpan } from '../../registry/store/chunks.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import { readWaveforms } from '../../registry/store/waveforms.ts'
import type { CheckedBatch } from './check-batch.ts'
import type { BatchEffect } from './settle-readings.ts'

export interface SettledWaveforms {
  readonly waveforms: readonly WaveformInsert[]
  readonly effects: ReadonlyMap<number, BatchEffect>
  readonly newest: ReadonlyMap<number, number>
}

/**
 * The same decision for waveforms: one is identified by (tag, start); the same again is a repeat, a differing one the
 * next revision.
 */
export async function settleWaveforms(tx: Tx, batches: readonly CheckedBatch[], heads: ReadonlyMap<number, number>): Promise<SettledWaveforms> {
  const known = new Map<string, WaveformInsert>()
  for (const list of (await readWaveforms(tx, overlaps(batches, heads), NEWEST)).values()) {
    for (const wave of list) known.set(`${wave.tagRef}/${wave.startUs}`, wave)
  }
  const waveforms: WaveformInsert[] = []
  const effects = new Map<number, BatchEffect>()
  const newest = new Map<number, number>()
  for (const { batch, waveforms: rows } of batches) {
    const total = { accepted: 0, repeated: 0, revised: 0 }
    let firstUs = Infinity
    let lastUs = -Infinity
    for (const { tag: { tagRef }, row } of rows) {
      const key = `${tagRef}/${row.startUs}`
      const there = known.get(key)
      newest.set(tagRef, Math.max(newest.get(tagRef) ?? -Infinity, row.startUs))
      const { startUs, intervalUs, scale, offset, quality, samples } = row
      const wave = { tagRef, startUs, intervalUs, scale, offset, quality, samples, batchId: batch.batchId, revision: (there?.revision ?? -1) + 1 }
      if (there && same(there, wave)) {
        total.repeated++
        continue
      }
      if (there) total.revised++
      else total.accepted++
      waveforms.push(wave)
      firstUs = Math.min(firstUs, startUs)
      lastUs = Math.max(lastUs, Math.ceil(startUs + intervalUs * samples.length))
      known.set(key, wave)
    }
    effects.set(batch.batchId, { counts: total, firstUs, lastUs })
  }
  return { waveforms, effects, newest }
}

function same(a: WaveformInsert, b: WaveformInsert): boolean {
  return a.intervalUs === b.intervalUs && a.scale === b.scale && a.offset === b.offset && a.quality === b.quality
    && a.samples.length === b.samples.length && a.samples.every((sample, i) => Object.is(sample, b.samples[i]))
}

function overlaps(batches: readonly CheckedBatch[], heads: ReadonlyMap<number, number>): TagSpan[] {
  const spans = new Map<number, TagSpan>()
  for (const { waveforms } of batches) {
    for (const { tag: { tagRef }, row: { startUs } } of waveforms) {
      if (startUs > (heads.get(tagRef) ?? -Infinity)) continue
      const span = spans.get(tagRef)
      spans.set(tagRef, { tagRef, fromUs: Math.min(startUs, span?.fromUs ?? Infinity), toUs: Math.max(startUs + 1, span?.toUs ?? -Infinity) })
    }
  }
  return [...spans.values()]
}
