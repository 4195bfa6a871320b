import { demand, may, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import type { Lane } from '../../domain/contract/batch.ts'
import type { IncidentKind, IncidentState } from '../../domain/incidents/incident.ts'
import { incidentColumns, incidentFrom, readIncident, toIncident, type AnsweredBy, type IncidentColumns, type IncidentDifference, type IncidentRow } from '../../store/incidents.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { ALL_SITES, inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { summaryOf } from '../incidents/facts.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso, isoOrNull, ofSite } from './rows.ts'

interface AnswerView { readonly by: string; readonly at: string; readonly comment: string }

export interface IncidentView {
  readonly id: string
  readonly site: string
  readonly kind: IncidentKind
  readonly state: IncidentState
  /** In one sentence. */
  readonly summary: string
  readonly family: string
  /** Null: it lies in the release, whichever machine shows it. */
  readonly asset: string | null
  readonly release: string
  readonly model: string
  readonly firstDifference: IncidentDifference
  /** That show it, each counted once. */
  readonly windows: number
  /** Of these, those that came out well when they were replayed last. */
  readonly goodAgain: number
  /** Replays that showed it. */
  readonly timesSeen: number
  readonly openedAt: string
  readonly openedBy: string
  readonly lastSeenAt: string
  readonly acknowledged: AnswerView | null
  /** With what was found. */
  readonly closed: AnswerView | null
}

export interface IncidentDetail extends IncidentView {
  /** The first of its windows, by event time. */
  readonly firstWindows: readonly {
    readonly scoreId: string; readonly asset: string; readonly lane: Lane; readonly windowEnd: string; readonly what: string
    readonly failedAt: string
    /** It came out well when it was replayed last. */
    readonly goodAt: string | null
  }[]
}

export interface IncidentsInput extends PageInput {
  readonly site: string
  readonly state?: IncidentState | 'unclosed' | undefined
  /** Whose windows show it. */
  readonly asset?: string | undefined
  readonly kind?: IncidentKind | undefined
}

/** Incidents, newest first. `site` may be `*`. */
export async function listIncidents(ctx: Pick<ServiceContext, 'pool'>, actor: Actor, input: IncidentsInput): Promise<Page<IncidentView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<IncidentColumns>(
    `select ${incidentColumns} from ${incidentFrom}
     where ${ofSite(tx, 'i.site_id')} and ($1::text is null or i.state = $1 or ($1 = 'unclosed' and i.state <> 'closed')) and ($2::text is null or i.kind = $2)
       and ($3::text is null or a.asset_id = $3 or exists (
         select from incident_window n join score s using (score_id) join asset sa on sa.asset_ref = s.asset_ref where n.incident_id = i.incident_id and sa.asset_id = $3))
       and ($4::bigint is null or (i.opened_at, i.incident_id) < (${usToTimestamp('$4')}, $5::uuid))
     order by i.opened_at desc, i.incident_id desc limit $6`,
    [input.state ?? null, input.kind ?? null, input.asset ?? null, beforeUs, beforeId, input.limit + 1])).rows)
  return toPage(rows.map(toIncident), input.limit, viewOf, (row) => [row.openedUs, row.incidentId])
}

const LISTED = 20

/** One incident with its first windows. Refuses (`not_found`). */
export async function getIncident(ctx: Pick<ServiceContext, 'pool'>, actor: Actor, input: { site: string; incident: string }): Promise<IncidentDetail> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = await readIncident(tx, input.incident)
    const { rows } = await tx.query<{ score_id: string; asset_id: string; lane: Lane; end_us: string; what: string; failed_us: string; good_us: string | null }>(
      `select w.score_id, a.asset_id, s.lane, ${timestampToUs('s.window_end')} as end_us, w.what, ${timestampToUs('w.failed_at')} as failed_us, ${timestampToUs('w.good_at')} as good_us
       from incident_window w join score s using (score_id) join asset a using (asset_ref) where w.incident_id = $1 order by s.window_end, w.score_id limit ${LISTED}`, [row.incidentId])
    return {
      ...viewOf(row),
      firstWindows: rows.map((window) => ({
        scoreId: window.score_id, asset: window.asset_id, lane: window.lane, windowEnd: iso(window.end_us), what: window.what, failedAt: iso(window.failed_us), goodAt: isoOrNull(window.good_us),
      })),
    }
  })
}

/** How many nobody has closed, over the actor's sites. */
export async function countUnclosedIncidents(ctx: Pick<ServiceContext, 'pool'>, actor: Actor): Promise<number> {
  const sites = actor.sites === '*' ? null : actor.sites.filter((site) => may(actor, 'read', site))
  const { rows } = await inSite(ctx.pool, ALL_SITES, (tx) => tx.query<{ count: number }>(
    "select count(*)::integer as count from incident where state <> 'closed' and ($1::text[] is null or site_id = any($1))", [sites]))
  return rows[0]?.count ?? 0
}

function viewOf(row: IncidentRow): IncidentView {
  const { incidentId, model, first, openedUs, lastSeenUs, acknowledged, closed, ...rest } = row
  return {
    ...rest, id: incidentId, summary: summaryOf(row), model: `${model.name}@${model.version}`, firstDifference: first, openedAt: microsToIso(openedUs), lastSeenAt: microsToIso(lastSeenUs),
    acknowledged: answerOf(acknowledged), closed: answerOf(closed),
  }
}

const answerOf = (answer: AnsweredBy | null): AnswerView | null => answer && { by: answer.by, at: microsToIso(answer.atUs), comment: answer.comment }
