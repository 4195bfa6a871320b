import { WAVEFORM_SPAN_US } from '../domain/ingest/check-waveform.ts'
import type { StoredWaveform } from '../domain/ingest/chunk.ts'
import { batchOf, instant, whole, type TagSpan } from './chunks.ts'
import { copyOut } from './copy.ts'
import { createCopyReader } from './copy-reader.ts'
import type { Tx } from './transaction.ts'

/**
 * Waveforms of every revision that overlap the spans ([start, start + n · interval) touches [from, to)) and were known
 * as of a commit number, by tag and in order of their starts; at most one span a tag.
 */
export async function loadWaveforms(tx: Tx, spans: readonly TagSpan[], asOfCommit: number): Promise<Map<number, StoredWaveform[]>> {
  const waveforms = new Map<number, StoredWaveform[]>()
  if (spans.length === 0) return waveforms
  const reader = createCopyReader(await copyOut(tx, query(spans, asOfCommit)))
  while (reader.next()) {
    const wave: StoredWaveform = {
      tagRef: reader.int4()!,
      startUs: reader.timestamp()!,
      revision: reader.int2()!,
      batchId: reader.int8()!,
      commitNumber: reader.int8()!,
      receivedUs: reader.timestamp()!,
      intervalUs: reader.float8()!,
      scale: reader.float8()!,
      offset: reader.float8()!,
      quality: reader.int2()! & 0xffff,
      samples: reader.float4Array()!,
    }
    const list = waveforms.get(wave.tagRef)
    if (list) list.push(wave)
    else waveforms.set(wave.tagRef, [wave])
  }
  return waveforms
}

/** The same, of each start the newest revision only. */
export async function readWaveforms(tx: Tx, spans: readonly TagSpan[], asOfCommit: number): Promise<Map<number, StoredWaveform[]>> {
  const waveforms = await loadWaveforms(tx, spans, asOfCommit)
  for (const [tagRef, list] of waveforms) {
    // Ordered by start and revision, so the last of each start is the newest.
    waveforms.set(tagRef, list.filter((wave, i) => list[i + 1]?.startUs !== wave.startUs))
  }
  return waveforms
}

function query(spans: readonly TagSpan[], asOfCommit: number): string {
  const values = spans.map(({ tagRef, fromUs, toUs }) => `(${whole(tagRef)}, ${instant(fromUs - WAVEFORM_SPAN_US)}, ${instant(fromUs)}, ${instant(toUs)})`)
  return `select c.tag_ref, c.t_start, c.revision, c.batch_id, b.commit_number, b.received_at, c.interval_us, c.scale, c.shift, c.quality, c.samples
    from (values ${values.join(', ')}) as s (tag_ref, since, first, past)
    join waveform c on c.tag_ref = s.tag_ref and c.t_start >= s.since and c.t_start < s.past
     and c.t_start + c.n * c.interval_us * interval '1 microsecond' > s.first
    ${batchOf('c', `b.commit_number <= ${whole(asOfCommit)}`)}
    order by c.tag_ref, c.t_start, c.revision`
}
