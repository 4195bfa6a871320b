import type { ReadingColumns, WaveformRow } from '../contract/reading.ts'
import { batchLimits } from '../contract/batch.ts'
import { refuse } from '../errors.ts'

/**
 * What the rest of the path relies on: each tag once, every index within, rows by tag and then by time. Refuses
 * `contract_broken` with the row.
 */
export function checkReadings({ tags, tag, sourceUs }: ReadingColumns): void {
  if (tags.length > batchLimits.tags) refuse('too_large', `The batch has ${tags.length} tags; at most ${batchLimits.tags} go into one. Cut smaller batches.`)
  if (new Set(tags).size !== tags.length) refuse('contract_broken', 'Column tag: its dictionary names a tag twice', { column: 'tag' })
  let before = 0
  let time = -Infinity
  for (let row = 0; row < tag.length; row++) {
    const index = tag[row]!
    if (index !== before) {
      if (index < before || index >= tags.length) {
        const what = index < 0 || index >= tags.length ? 'names no entry of its dictionary' : 'is out of order: rows stand by tag, then by source time'
        refuse('contract_broken', `Column tag: row ${row} ${what}`, { column: 'tag', row })
      }
      before = index
      time = -Infinity
    }
    const at = sourceUs[row]!
    if (at < time) refuse('contract_broken', `Column source_us: row ${row} is earlier than the row before it of the same tag`, { column: 'source_us', row })
    time = at
  }
}

/** Refuses (`contract_broken`, `too_large`) waveforms that cannot be read back or placed in time. */
export function checkWaveforms(rows: readonly WaveformRow[]): void {
  let samples = 0
  rows.forEach((row, i) => {
    samples += row.samples.length
    if (row.samples.length === 0) refuse('contract_broken', `Column samples: row ${i} is empty`, { column: 'samples', row: i })
    if (!(row.intervalUs > 0) || row.intervalUs === Infinity) refuse('contract_broken', `Column interval_us: row ${i} is not a positive number`, { column: 'interval_us', row: i })
    if (!Number.isFinite(row.scale) || !Number.isFinite(row.offset)) refuse('contract_broken', `Columns scale and offset: row ${i} is not finite`, { row: i })
  })
  if (samples > batchLimits.samples) refuse('too_large', `The batch has ${samples} samples; at most ${batchLimits.samples} go into one. Cut smaller batches.`)
}
