import type { ScoredSide } from '../domain/rollout/measures.ts'
import { instant, whole } from './chunks.ts'
import { copyOut } from './copy.ts'
import { createCopyReader } from './copy-reader.ts'
import { signalColumn } from './score-series.ts'
import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface StageScoresQuery {
  readonly assetRefs: readonly number[]
  readonly releaseRef: number
  readonly after: { readonly scoreId: string; readonly windowUs: number }
  readonly signals: readonly string[]
  /** Of the release's feature set, in its order. */
  readonly featureNames: readonly string[]
}

/**
 * What a release scored in the live lane since a stage began, by machine; those without any are absent. Of each window the
 * first revision: what was known when it was judged.
 */
export async function readStageScores(tx: Tx, query: StageScoresQuery): Promise<Map<number, ScoredSide>> {
  const { assetRefs, releaseRef, after, signals, featureNames } = query
  if (assetRefs.length === 0) return new Map()
  const wanted = signals.map((signal, i) => `${signalColumn(signal, featureNames)} as signal_${i}`)
  const bytes = await copyOut(tx, `select ${['s.asset_ref', 's.window_end', 's.suppressed', 'w.good_fraction::float8', ...wanted].join(', ')}
    from score s cross join lateral (select w.good_fraction, w.feature_values from feature_window w where w.window_id = s.window_id offset 0) w
    where s.asset_ref in (${assetRefs.map(whole).join(', ')}) and s.window_end > ${instant(after.windowUs)} and s.score_id > ${whole(Number(after.scoreId))}
      and s.release_ref = ${whole(releaseRef)} and s.revision = 0 and s.lane = 'live'
    order by s.asset_ref, s.window_end`)
  interface Growing { ends: number[]; suppressed: number[]; good: number[]; columns: number[][] }
  const growing = new Map<number, Growing>()
  const reader = createCopyReader(bytes)
  while (reader.next()) {
    const assetRef = reader.int4() as number
    const into = growing.get(assetRef) ?? { ends: [], suppressed: [], good: [], columns: signals.map(() => []) }
    growing.set(assetRef, into)
    into.ends.push(reader.timestamp() as number)
    into.suppressed.push(Number(reader.bool()))
    into.good.push(reader.float8() ?? 0)
    for (const column of into.columns) column.push(reader.float8() ?? NaN)
  }
  return new Map([...growing].map(([assetRef, { ends, suppressed, good, columns }]) => [assetRef, {
    columns: {
      endUs: Float64Array.from(ends), suppressed: Uint8Array.from(suppressed),
      signals: new Map(signals.map((signal, i) => [signal, Float64Array.from(columns[i] as number[])])),
    },
    good: Float64Array.from(good),
  }]))
}

/** Alerts that a release raised, or raised again, since a time, and that a technician called false after that, by machine. */
export async function falseAlarmsSince(tx: Tx, assetRefs: readonly number[], releaseRef: number, sinceUs: number): Promise<Map<number, number>> {
  const { rows } = await tx.query<{ asset_ref: number; n: number }>(
    `select a.asset_ref, count(*)::int as n from alert a
     where a.asset_ref = any($1::int[]) and exists (
       select from feedback f where f.alert_id = a.alert_id and f.verdict = 'false-alarm'
         and (a.release_ref = $2 and a.created_at >= ${usToTimestamp('$3')} or exists (
           select from alert_event e join score s on s.score_id = (e.detail->>'score')::bigint
           where e.alert_id = a.alert_id and e.kind = 'raised-again' and e.at >= ${usToTimestamp('$3')} and e.at <= f.given_at and s.release_ref = $2)))
     group by a.asset_ref`, [assetRefs, releaseRef, sinceUs])
  return new Map(rows.map(({ asset_ref, n }) => [asset_ref, n]))
}

/** Seconds from a batch's arrival until its windows were closed, at the 95th percentile of the site's newest live batches since a time; null without any. */
export async function closingLatencySince(tx: Tx, site: string, sinceUs: number): Promise<number | null> {
  const { rows } = await tx.query<{ p95: number | null }>(
    `select percentile_cont(0.95) within group (order by extract(epoch from took))::float8 as p95
     from (select windows_closed_at - received_at as took from raw_batch
           where site_id = $1 and commit_number is not null and lane = 'live' and windows_closed_at is not null and received_at >= ${usToTimestamp('$2')}
           order by commit_number desc limit 1000) newest`, [site, sinceUs])
  return rows[0]?.p95 ?? null
}
