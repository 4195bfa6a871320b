import type { Lane, Mode } from '../domain/contract/batch.ts'
import { float8ArrayParameter, int4ArrayParameter, int8ArrayParameter, textArrayParameter } from './binary-array.ts'
import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** One revision of a window: its features, and what was known when they were computed. */
export interface FeatureWindow {
  readonly assetRef: number
  readonly featureSetRef: number
  readonly startUs: number
  readonly endUs: number
  readonly revision: number
  readonly lane: Lane
  readonly mode: Mode
  /** Only readings of batches up to this commit number were read. */
  readonly commitNumber: number
  /** Source time of the newest reading used, and when the newest batch used reached the landing zone. */
  readonly sourceUs: number
  readonly ingestUs: number
  /** In the order of the feature set; NaN where missing. */
  readonly values: Float64Array
  readonly goodFraction: number
  readonly traceId: string
}

export interface StoredFeatureWindow extends FeatureWindow { readonly windowId: string; readonly site: string }

/** Claims and stores windows of one feature set; gives their ids in the order of the input. `rescoreRef`: the rescore that they are revisions of. */
export async function insertFeatureWindows(tx: Tx, site: string, windows: readonly FeatureWindow[], rescoreRef: number | null = null): Promise<string[]> {
  const [first] = windows
  if (first === undefined) return []
  const width = first.values.length
  const flat = new Float64Array(width * windows.length)
  windows.forEach((window, i) => flat.set(window.values, i * width))
  const { rows } = await tx.query<{ asset_ref: number; end_us: string; window_id: string }>(
    `insert into feature_window (site_id, asset_ref, feature_set_ref, window_end, revision, lane, mode, window_start, commit_number,
                                 source_time, ingest_time, feature_values, good_fraction, trace_id, rescore_ref)
     select $1, asset_ref, $2, ${usToTimestamp('end_us')}, revision, lane, mode, ${usToTimestamp('start_us')}, commit_number,
            ${usToTimestamp('source_us')}, ${usToTimestamp('ingest_us')},
            ($3::float8[])[(n - 1) * $4::int + 1 : n * $4::int], good_fraction, trace_id, $16::int
     from unnest($5::int[], $6::bigint[], $7::bigint[], $8::int[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[],
                 $14::real[], $15::text[]) with ordinality
       as u(asset_ref, start_us, end_us, revision, lane, mode, commit_number, source_us, ingest_us, good_fraction, trace_id, n)
     returning asset_ref, ${timestampToUs('window_end')} as end_us, window_id`,
    [site, first.featureSetRef, float8ArrayParameter(flat), width,
      int4ArrayParameter(windows.map((w) => w.assetRef)), int8ArrayParameter(windows.map((w) => w.startUs)), int8ArrayParameter(windows.map((w) => w.endUs)),
      int4ArrayParameter(windows.map((w) => w.revision)), textArrayParameter(windows.map((w) => w.lane)), textArrayParameter(windows.map((w) => w.mode)),
      int8ArrayParameter(windows.map((w) => w.commitNumber)), int8ArrayParameter(windows.map((w) => w.sourceUs)), int8ArrayParameter(windows.map((w) => w.ingestUs)),
      windows.map((w) => w.goodFraction), textArrayParameter(windows.map((w) => w.traceId)), rescoreRef],
  )
  const ids = new Map(rows.map((row) => [`${row.asset_ref} ${row.end_us}`, row.window_id]))
  return windows.map((w) => ids.get(`${w.assetRef} ${w.endUs}`) as string)
}

/** Revisions that exist of the windows of some assets in (afterUs, throughUs]: usually none, one look for all. */
export async function newestRevisions(
  tx: Tx, featureSetRef: number, spans: readonly { assetRef: number; afterUs: number; throughUs: number }[],
): Promise<Map<string, number>> {
  if (spans.length === 0) return new Map()
  const { rows } = await tx.query<{ asset_ref: number; end_us: string; revision: number }>(
    // `offset 0` keeps the planner at one look into the index for each asset, however long the history.
    `select w.asset_ref, ${timestampToUs('w.window_end')} as end_us, max(w.revision) as revision
     from unnest($2::int[], $3::bigint[], $4::bigint[]) as s(asset_ref, after_us, through_us)
     cross join lateral (
       select * from feature_window w
       where w.asset_ref = s.asset_ref and w.feature_set_ref = $1
         and w.window_end > ${usToTimestamp('s.after_us')} and w.window_end <= ${usToTimestamp('s.through_us')}
       offset 0
     ) w
     group by 1, 2`,
    [featureSetRef, spans.map((s) => s.assetRef), spans.map((s) => s.afterUs), spans.map((s) => s.throughUs)],
  )
  return new Map(rows.map((row) => [revisionKey(row.asset_ref, Number(row.end_us)), row.revision]))
}

export const revisionKey = (assetRef: number, endUs: number): string => `${assetRef} ${endUs}`

/** One stored window, or undefined. */
export async function findFeatureWindow(tx: Tx, windowId: string): Promise<StoredFeatureWindow | undefined> {
  const { rows } = await tx.query<WindowRow>(`select ${WINDOW_COLUMNS} from feature_window where window_id = $1`, [windowId])
  return rows.map(windowOfRow)[0]
}

/** Stored windows by id; those that are not there are absent. */
export async function findFeatureWindows(tx: Tx, windowIds: readonly string[]): Promise<Map<string, StoredFeatureWindow>> {
  const { rows } = await tx.query<WindowRow>(`select ${WINDOW_COLUMNS} from feature_window where window_id = any($1::bigint[])`, [windowIds])
  return new Map(rows.map((row) => [row.window_id, windowOfRow(row)]))
}

/** The newest stored revision of a window, or undefined. */
export async function findNewestRevision(tx: Tx, assetRef: number, featureSetRef: number, endUs: number): Promise<StoredFeatureWindow | undefined> {
  const { rows } = await tx.query<WindowRow>(
    `select ${WINDOW_COLUMNS} from feature_window
     where asset_ref = $1 and feature_set_ref = $2 and window_end = ${usToTimestamp('$3')} order by revision desc limit 1`,
    [assetRef, featureSetRef, endUs],
  )
  return rows.map(windowOfRow)[0]
}

const WINDOW_COLUMNS = `window_id, site_id, asset_ref, feature_set_ref, revision, lane, mode, commit_number, feature_values, good_fraction,
  trace_id, ${timestampToUs('window_start')} as start_us, ${timestampToUs('window_end')} as end_us,
  ${timestampToUs('source_time')} as source_us, ${timestampToUs('ingest_time')} as ingest_us`

interface WindowRow {
  window_id: string; site_id: string; asset_ref: number; feature_set_ref: number; revision: number; lane: Lane; mode: Mode
  commit_number: string; feature_values: number[]; good_fraction: number; trace_id: string
  start_us: string; end_us: string; source_us: string; ingest_us: string
}

const windowOfRow = (row: WindowRow): StoredFeatureWindow => ({
  windowId: row.window_id, site: row.site_id, assetRef: row.asset_ref, featureSetRef: row.feature_set_ref, revision: row.revision,
  lane: row.lane, mode: row.mode, commitNumber: Number(row.commit_number), values: Float64Array.from(row.feature_values),
  goodFraction: row.good_fraction, traceId: row.trace_id,
  startUs: toUs(row.start_us), endUs: toUs(row.end_us), sourceUs: toUs(row.source_us), ingestUs: toUs(row.ingest_us),
})
