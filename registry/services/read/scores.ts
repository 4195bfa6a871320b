import { demand, type Actor } from '../../domain/access/rights.ts'
import type { Lane } from '../../domain/contract/batch.ts'
import type { Severity } from '../../domain/contract/scored-event.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import type { Decision } from '../../domain/policy/decide.ts'
import type { ReleaseRole } from '../../store/releases-in-force.ts'
import { timestampToUs, toUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { assetRefOf } from './asset-of.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

export interface ScoreView {
  readonly id: string
  readonly asset: string
  readonly windowStart: string
  readonly windowEnd: string
  readonly revision: number
  readonly lane: Lane
  readonly release: string
  readonly model: { readonly name: string; readonly version: number }
  readonly role: ReleaseRole
  /** The operation that judged the window anew; null: this is what was said then. */
  readonly rescore: string | null
  readonly score: number | null
  readonly confidence: number | null
  /** Of the rule in force after this window; null when none is, or when the release is not champion. */
  readonly severity: Severity | null
  readonly commitNumber: number
  readonly scoredAt: string
}

export interface ScoreDetail extends ScoreView {
  readonly contributions: readonly { readonly feature: string; readonly share: number }[]
  readonly decision: DecisionView | null
  readonly runtimeDigest: string
  readonly windowId: string
  readonly traceId: string
}

export interface DecisionView {
  readonly fired: string | null
  readonly severity: Severity | null
  readonly failureMode: string | null
  readonly recommendedAction: string | null
  readonly rules: readonly {
    readonly rule: string; readonly state: string; readonly value: number | null; readonly raiseAt: number; readonly clearAt: number
    readonly since: string; readonly transition: 'raised' | 'cleared' | null
  }[]
}

export interface ScoresInput extends PageInput {
  readonly site: string
  readonly asset: string
  readonly fromUs?: number | undefined
  readonly toUs?: number | undefined
  readonly release?: string | undefined
  readonly role?: ReleaseRole | undefined
  readonly lane?: Lane | undefined
  readonly order: 'asc' | 'desc'
}

interface Row {
  score_id: string; asset_id: string; start_us: string; end_us: string; revision: number; lane: Lane; release_id: string; name: string; version: number
  role: ReleaseRole; rescore: string | null; score: number | null; confidence: number | null; severity: Severity | null; commit_number: string; scored_us: string
  contributions: { feature: string; share: number }[] | null; decision: Decision | null; runtime_digest: string; window_id: string; trace_id: string
}

const FROM = `from score s
  join asset a on a.asset_ref = s.asset_ref
  join feature_window w on w.window_id = s.window_id
  join release r on r.release_ref = s.release_ref
  join model_version m on m.model_version_ref = r.model_version_ref
  left join rescore x on x.rescore_ref = s.rescore_ref`
const COLUMNS = `s.score_id, a.asset_id, ${timestampToUs('w.window_start')} as start_us, ${timestampToUs('s.window_end')} as end_us, s.revision, s.lane,
  r.release_id, m.name, m.version, s.role, x.operation_id as rescore, s.score, s.confidence, s.decision->>'severity' as severity, w.commit_number, ${timestampToUs('s.scored_at')} as scored_us`

/** Scores of an asset whose windows end in [from, to), in order of event time; every revision and every release. */
export async function listScores(ctx: ServiceContext, actor: Actor, input: ScoresInput): Promise<Page<ScoreView>> {
  demand(actor, 'read', input.site)
  const [placeUs, placeId] = decodeCursor(input.cursor, ['number', 'string'])
  const [beyond, direction] = input.order === 'asc' ? ['>', 'asc'] : ['<', 'desc']
  return inSite(ctx.pool, input.site, async (tx) => {
    const assetRef = await assetRefOf(tx, input.site, input.asset)
    const { rows } = await tx.query<Row>(
      `select ${COLUMNS} ${FROM}
       where s.asset_ref = $1
         and ($2::bigint is null or s.window_end >= ${usToTimestamp('$2')}) and ($3::bigint is null or s.window_end < ${usToTimestamp('$3')})
         and ($4::text is null or r.release_id = $4) and ($5::text is null or s.role = $5) and ($6::text is null or s.lane = $6)
         and ($7::bigint is null or (s.window_end, s.score_id) ${beyond} (${usToTimestamp('$7')}, $8::bigint))
       order by s.window_end ${direction}, s.score_id ${direction} limit $9`,
      [assetRef, input.fromUs ?? null, input.toUs ?? null, input.release ?? null, input.role ?? null, input.lane ?? null, placeUs, placeId, input.limit + 1],
    )
    return toPage(rows, input.limit, viewOf, (row) => [toUs(row.end_us), row.score_id])
  })
}

/** One score with what it came from and what it decided. Refuses (`not_found`) an unknown id. */
export async function getScore(ctx: ServiceContext, actor: Actor, input: { site: string; score: string }): Promise<ScoreDetail> {
  demand(actor, 'read', input.site)
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select ${COLUMNS}, s.contributions, s.decision, s.runtime_digest, s.window_id, w.trace_id ${FROM} where s.site_id = $1 and s.score_id = $2`,
    [input.site, input.score],
  )).rows)
  const row = rows[0]
  if (!row) return refuse('not_found', `site ${input.site} has no score ${input.score}`, { score: input.score })
  return {
    ...viewOf(row), contributions: row.contributions ?? [], decision: row.decision && decisionOf(row.decision),
    runtimeDigest: row.runtime_digest, windowId: row.window_id, traceId: row.trace_id,
  }
}

const viewOf = (row: Row): ScoreView => ({
  id: row.score_id, asset: row.asset_id, windowStart: microsToIso(toUs(row.start_us)), windowEnd: microsToIso(toUs(row.end_us)),
  revision: row.revision, lane: row.lane, release: row.release_id, model: { name: row.name, version: row.version }, role: row.role, rescore: row.rescore,
  score: row.score, confidence: row.confidence, severity: row.severity, commitNumber: Number(row.commit_number),
  scoredAt: microsToIso(toUs(row.scored_us)),
})

const decisionOf = (decision: Decision): DecisionView => ({
  fired: decision.fired, severity: decision.severity, failureMode: decision.failureMode, recommendedAction: decision.recommendedAction,
  rules: decision.rules.map((rule) => ({
    rule: rule.ruleId, state: rule.state, value: rule.value, raiseAt: rule.raiseAt, clearAt: rule.clearAt,
    since: microsToIso(rule.sinceUs), transition: rule.transition ?? null,
  })),
})
