import type { Lane } from '../domain/contract/batch.ts'
import type { ReleaseRole } from './releases-in-force.ts'
import { int4ArrayParameter, int8ArrayParameter, jsonArrayParameter, nullableFloat8ArrayParameter, textArrayParameter } from './binary-array.ts'
import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** What a release said of one revision of a window. */
export interface Score {
  readonly assetRef: number
  readonly windowId: string
  readonly windowEndUs: number
  readonly revision: number
  readonly lane: Lane
  readonly releaseRef: number
  readonly role: ReleaseRole
  /** NaN where the model could not score the window; stored as null, so that aggregates pass over it. */
  readonly score: number
  readonly confidence: number
  readonly contributions: readonly { feature: string; share: number }[]
  /** Of the champion's first revision, and of a rescore's: the fold's state before this window (null = initial) and what it decided. */
  readonly foldBefore: unknown
  readonly decision: unknown
  /** The decision was made with the machine out of service by plan. */
  readonly suppressed: boolean
  readonly runtimeDigest: string
}

export interface StoredScore extends Score { readonly scoreId: string; readonly site: string; readonly scoredAtUs: number; readonly rescoreRef: number | null }

/** Stores scores; gives their ids in the order of the input. `rescoreRef`: the rescore that wrote them. */
export async function insertScores(tx: Tx, site: string, scores: readonly Score[], rescoreRef: number | null = null): Promise<string[]> {
  if (scores.length === 0) return []
  const json = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value))
  const { rows } = await tx.query<{ score_id: string; window_id: string; release_ref: number }>(
    `insert into score (site_id, asset_ref, window_id, window_end, revision, lane, release_ref, role, score, confidence, contributions,
                        fold_before, decision, runtime_digest, suppressed, rescore_ref)
     select $1, asset_ref, window_id, ${usToTimestamp('end_us')}, revision, lane, release_ref, role, score, confidence, contributions,
            fold_before, decision, runtime_digest, suppressed, $16::int
     from unnest($2::int[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::int[], $8::text[], $9::float8[], $10::float8[],
                 $11::json[], $12::json[], $13::json[], $14::text[], $15::boolean[])
       as u(asset_ref, window_id, end_us, revision, lane, release_ref, role, score, confidence, contributions, fold_before, decision, runtime_digest, suppressed)
     returning score_id, window_id, release_ref`,
    [site, int4ArrayParameter(scores.map((s) => s.assetRef)), int8ArrayParameter(scores.map((s) => s.windowId)), int8ArrayParameter(scores.map((s) => s.windowEndUs)),
      int4ArrayParameter(scores.map((s) => s.revision)), textArrayParameter(scores.map((s) => s.lane)), int4ArrayParameter(scores.map((s) => s.releaseRef)),
      textArrayParameter(scores.map((s) => s.role)), nullableFloat8ArrayParameter(scores.map((s) => finiteOrNull(s.score))),
      nullableFloat8ArrayParameter(scores.map((s) => finiteOrNull(s.confidence))), jsonArrayParameter(scores.map((s) => json(s.contributions))),
      jsonArrayParameter(scores.map((s) => json(s.foldBefore))), jsonArrayParameter(scores.map((s) => json(s.decision))),
      textArrayParameter(scores.map((s) => s.runtimeDigest)), scores.map((s) => s.suppressed), rescoreRef],
  )
  const ids = new Map(rows.map((row) => [`${row.window_id} ${row.release_ref}`, row.score_id]))
  return scores.map((s) => ids.get(`${s.windowId} ${s.releaseRef}`) as string)
}

export async function findScore(tx: Tx, scoreId: string): Promise<StoredScore | undefined> {
  const { rows } = await tx.query<ScoreRow>(`select ${SCORE_COLUMNS} from score where score_id = $1`, [scoreId])
  return rows.map(scoreOfRow)[0]
}

export async function scoresOfWindow(tx: Tx, windowId: string): Promise<StoredScore[]> {
  const { rows } = await tx.query<ScoreRow>(`select ${SCORE_COLUMNS} from score where window_id = $1 order by score_id`, [windowId])
  return rows.map(scoreOfRow)
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null)

const SCORE_COLUMNS = `score_id, site_id, asset_ref, window_id, ${timestampToUs('window_end')} as end_us, revision, lane, release_ref, role,
  score, confidence, contributions, fold_before, decision, suppressed, runtime_digest, rescore_ref, ${timestampToUs('scored_at')} as scored_us`

interface ScoreRow {
  score_id: string; site_id: string; asset_ref: number; window_id: string; end_us: string; revision: number; lane: Lane; release_ref: number
  role: ReleaseRole; score: number | null; confidence: number | null; contributions: { feature: string; share: number }[] | null
  fold_before: unknown; decision: unknown; suppressed: boolean; runtime_digest: string; rescore_ref: number | null; scored_us: string
}

const scoreOfRow = (row: ScoreRow): StoredScore => ({
  scoreId: row.score_id, site: row.site_id, assetRef: row.asset_ref, windowId: row.window_id, windowEndUs: toUs(row.end_us),
  revision: row.revision, lane: row.lane, releaseRef: row.release_ref, role: row.role, score: row.score ?? NaN,
  confidence: row.confidence ?? NaN, contributions: row.contributions ?? [], foldBefore: row.fold_before, decision: row.decision, suppressed: row.suppressed,
  runtimeDigest: row.runtime_digest, scoredAtUs: toUs(row.scored_us), rescoreRef: row.rescore_ref,
})
