import type { DecodedBatch } from '../../registry/domain/codec/decode.ts'
import type { ReadingColumns, WaveformRow } from '../../registry/domain/contract/reading.ts'
import { checkRun, rowRefusals, type IngestTag, type RowRefusal } from '../../registry/domain/ingest/check-run.ts'
import { checkWaveform } from '../../registry/domain/ingest/check-waveform.ts'
import type { Run } from '../../registry/domain/ingest/chunk.ts'
import type { QuarantineEntry } from '../../registry/store/quarantine.ts'
import type { RawBatch } from '../../registry/store/raw-batches.ts'

/** A batch after every row was held against the asset registry: what can be stored, and what is set aside and why. */
export interface CheckedBatch {
  readonly batch: RawBatch
  /** One a tag, none empty. */
  readonly runs: readonly { readonly tag: IngestTag; readonly run: Run }[]
  readonly waveforms: readonly { readonly tag: IngestTag; readonly row: WaveformRow }[]
  readonly quarantine: readonly QuarantineEntry[]
  readonly quarantinedRows: number
  /** Newest good source time; −Infinity when there is none. */
  readonly newestUs: number
}

/** Names of the tags a batch speaks of. */
export function tagKeysOf(decoded: DecodedBatch): readonly string[] {
  return decoded.kind === 'readings' ? decoded.columns.tags : decoded.rows.map((row) => row.tag)
}

export function checkBatch(batch: RawBatch, decoded: DecodedBatch, tags: ReadonlyMap<string, IngestTag>): CheckedBatch {
  return decoded.kind === 'readings' ? checkReadings(batch, decoded.columns, tags) : checkWaveforms(batch, decoded.rows, tags)
}

function checkReadings(batch: RawBatch, columns: ReadingColumns, tags: ReadonlyMap<string, IngestTag>): CheckedBatch {
  const runs: { tag: IngestTag; run: Run }[] = []
  const quarantine: QuarantineEntry[] = []
  let quarantinedRows = 0
  let newestUs = -Infinity
  for (const { tagKey, run } of runsOf(columns)) {
    const tag = tags.get(tagKey)
    const { good, refused } = checkRun(run, tag, batch.receivedUs)
    for (const rows of refused) {
      quarantinedRows += rows.count
      quarantine.push(entry(batch, tagKey, rows.code, rows.count, rows.firstUs, rows.lastUs, rows.sample))
    }
    if (!tag || good.timesUs.length === 0) continue
    runs.push({ tag, run: good })
    newestUs = Math.max(newestUs, good.timesUs[good.timesUs.length - 1]!)
  }
  return { batch, runs, waveforms: [], quarantine, quarantinedRows, newestUs }
}

/** Rows stand by tag, so each tag's readings are one stretch; views, not copies. */
function* runsOf({ tags, tag, sourceUs, value, raw, quality }: ReadingColumns): Generator<{ tagKey: string; run: Run }> {
  for (let from = 0; from < tag.length;) {
    const index = tag[from]!
    let to = from + 1
    while (to < tag.length && tag[to] === index) to++
    yield {
      tagKey: tags[index]!,
      run: {
        timesUs: sourceUs.subarray(from, to),
        values: value.subarray(from, to),
        raws: raw === value ? null : raw.subarray(from, to),
        quality: quality.subarray(from, to),
      },
    }
    from = to
  }
}

function checkWaveforms(batch: RawBatch, rows: readonly WaveformRow[], tags: ReadonlyMap<string, IngestTag>): CheckedBatch {
  const waveforms: { tag: IngestTag; row: WaveformRow }[] = []
  const refused = new Map<string, { code: RowRefusal; rows: WaveformRow[] }>()
  let newestUs = -Infinity
  for (const row of rows) {
    const tag = tags.get(row.tag)
    const code = checkWaveform(row, tag, batch.receivedUs)
    if (code === null && tag) {
      waveforms.push({ tag, row })
      newestUs = Math.max(newestUs, row.startUs)
    } else if (code !== null) {
      const key = `${code} ${row.tag}`
      const list = refused.get(key) ?? { code, rows: [] }
      refused.set(key, list)
      list.rows.push(row)
    }
  }
  const quarantine = [...refused.values()].map(({ code, rows: bad }) => {
    const starts = bad.map((row) => row.startUs)
    const sample = bad.slice(0, 3).map((row) => ({ sourceUs: row.startUs, samples: row.samples.length }))
    return entry(batch, bad[0]!.tag, code, bad.length, Math.min(...starts), Math.max(...starts), sample)
  })
  return { batch, runs: [], waveforms, quarantine, quarantinedRows: rows.length - waveforms.length, newestUs }
}

function entry(
  batch: RawBatch, tagKey: string, code: RowRefusal, rowCount: number, firstUs: number, lastUs: number, sample: unknown,
): QuarantineEntry {
  const { batchId, gateway, epoch, sequence, digest, objectKey } = batch
  return { batchId, gateway, epoch, sequence, digest, objectKey, tagKey, code, reason: rowRefusals[code], rowCount, firstUs, lastUs, sample }
}
