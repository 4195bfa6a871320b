import { demand, type Actor } from '../../domain/access/rights.ts'
import { qualityLevel, type QualityLevel } from '../../domain/contract/quality.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { NEWEST } from '../../store/chunks.ts'
import { timestampToUs, toUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import { readWaveforms } from '../../store/waveforms.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { tagOf } from './tag-of.ts'

export interface WaveformView {
  readonly start: string
  /** Fractional microseconds. */
  readonly intervalUs: number
  readonly sampleCount: number
  readonly quality: QualityLevel
  readonly revision: number
  readonly commitNumber: number
}

export interface WaveformSamples extends Omit<WaveformView, 'commitNumber'> {
  readonly tag: string
  readonly unit: string
  readonly commitNumber: number
  /** In the canonical unit. */
  readonly samples: readonly number[]
}

/** Waveforms of a tag that start in [from, to), newest first and without their samples; of each the newest revision. */
export async function listWaveforms(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; tag: string; fromUs?: number | undefined; toUs?: number | undefined },
): Promise<Page<WaveformView>> {
  demand(actor, 'read', input.site)
  const [beforeUs] = decodeCursor(input.cursor, ['number'])
  return inSite(ctx.pool, input.site, async (tx) => {
    const { tagRef } = await tagOf(tx, input.site, input.tag, 'waveform')
    const { rows } = await tx.query<{ start_us: string; interval_us: number; n: number; quality: number; revision: number; commit_number: string }>(
      `select distinct on (w.t_start) ${timestampToUs('w.t_start')} as start_us, w.interval_us, w.n, w.quality & 65535 as quality, w.revision,
              b.commit_number
       from waveform w join raw_batch b using (batch_id)
       where w.tag_ref = $1 and ($2::bigint is null or w.t_start >= ${usToTimestamp('$2')})
         and ($3::bigint is null or w.t_start < ${usToTimestamp('$3')}) and ($4::bigint is null or w.t_start < ${usToTimestamp('$4')})
       order by w.t_start desc, w.revision desc limit $5`,
      [tagRef, input.fromUs ?? null, input.toUs ?? null, beforeUs, input.limit + 1],
    )
    return toPage(rows, input.limit, (row) => ({
      start: microsToIso(toUs(row.start_us)), intervalUs: row.interval_us, sampleCount: row.n, quality: qualityLevel(row.quality),
      revision: row.revision, commitNumber: Number(row.commit_number),
    }), (row) => [toUs(row.start_us)])
  })
}

/** One waveform with its samples; without a start, the newest. Refuses (`not_found`) when there is none. */
export async function getWaveform(
  ctx: ServiceContext, actor: Actor, input: { site: string; tag: string; startUs?: number | undefined },
): Promise<WaveformSamples> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const tag = await tagOf(tx, input.site, input.tag, 'waveform')
    const startUs = input.startUs ?? tag.newestUs
    const found = startUs === null ? [] : (await readWaveforms(tx, [{ tagRef: tag.tagRef, fromUs: startUs, toUs: startUs + 1 }], NEWEST)).get(tag.tagRef) ?? []
    const wave = found.find((one) => one.startUs === startUs)
    if (!wave) {
      const which = startUs === null ? 'no waveform yet' : `no waveform that starts at ${microsToIso(startUs)}`
      return refuse('not_found', `${input.tag} has ${which}; GET /v1/waveforms lists them`, { tag: input.tag })
    }
    return {
      tag: input.tag, unit: tag.unit, start: microsToIso(wave.startUs), intervalUs: wave.intervalUs, sampleCount: wave.samples.length,
      quality: qualityLevel(wave.quality), revision: wave.revision, commitNumber: wave.commitNumber,
      samples: Array.from(wave.samples, (sample) => sample * wave.scale + wave.offset),
    }
  })
}
