import { demand, type Actor } from '../../domain/access/rights.ts'
import type { AlarmJudgement, AlarmNumber } from '../../domain/contract/local-alarm.ts'
import type { Severity } from '../../domain/contract/scored-event.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso, isoOrNull } from './rows.ts'

/** An alarm that a gateway raised: by a rule of its own, or by a release that judges there. */
export interface LocalAlarmView {
  readonly id: string
  readonly gateway: string
  readonly asset: string
  readonly rule: string
  readonly severity: Severity
  readonly message: string
  readonly recommendedAction: string | null
  readonly state: 'active' | 'cleared'
  readonly since: string
  readonly raisedAt: string
  readonly clearedAt: string | null
  readonly because: string | null
  readonly numbers: readonly AlarmNumber[]
  readonly acknowledged: { readonly by: string; readonly at: string; readonly comment: string | null } | null
  /** What its release judged; null: a rule of the site file raised it. */
  readonly judgement: AlarmJudgement | null
  /** Of one by a release: the platform raised the same episode, has not come to it yet, or came past it without raising one. */
  readonly platform: 'raised' | 'waiting' | 'not-raised' | null
  readonly alert: string | null
  readonly revision: number
  /** When the platform heard of it first: later than it was raised where there was no connection. */
  readonly firstReportedAt: string
}

interface Row {
  gateway_id: string; alarm_id: string; revision: string; asset_id: string; rule: string; severity: Severity; message: string; recommended_action: string | null; state: 'active' | 'cleared'
  since_us: string; raised_us: string; cleared_us: string | null; because: string | null; numbers: AlarmNumber[]; acknowledged_by: string | null; ack_us: string | null; comment: string | null; first_us: string
  judgement: AlarmJudgement | null; alert_id: string | null; passed: boolean
}

export interface LocalAlarmFilter {
  readonly asset?: string | undefined
  readonly gateway?: string | undefined
  readonly state?: 'active' | 'cleared' | undefined
}

/** By when they were raised, newest first. */
export async function listLocalAlarms(ctx: ServiceContext, actor: Actor, input: PageInput & LocalAlarmFilter & { site: string }): Promise<Page<LocalAlarmView>> {
  demand(actor, 'read', input.site)
  const after = decodeCursor(input.cursor, ['string', 'string', 'string'])
  const { rows } = await inSite(ctx.pool, input.site, (tx) => tx.query<Row>(
    `select gateway_id, alarm_id, revision, l.asset_id, rule, severity, message, recommended_action, state, ${timestampToUs('since_at')} as since_us, ${timestampToUs('raised_at')} as raised_us,
            ${timestampToUs('cleared_at')} as cleared_us, because, numbers, acknowledged_by, ${timestampToUs('acknowledged_at')} as ack_us, comment, ${timestampToUs('first_reported_at')} as first_us,
            judgement, alert_id, judgement is not null and alert_id is null and exists (
              select from asset a join asset_lane n using (asset_ref) where a.site_id = l.site_id and a.asset_id = l.asset_id and n.lane = 'live' and n.closed_through > l.since_at) as passed
     from local_alarm l
     where site_id = $1 and ($2::text is null or asset_id = $2) and ($3::text is null or gateway_id = $3) and ($4::text is null or state = $4)
       and ($5::bigint is null or (raised_at, gateway_id, alarm_id) < (${usToTimestamp('$5')}, $6, $7))
     order by raised_at desc, gateway_id desc, alarm_id desc limit $8`,
    [input.site, input.asset ?? null, input.gateway ?? null, input.state ?? null, ...after, input.limit + 1]))
  return toPage(rows, input.limit, viewOf, (row) => [row.raised_us, row.gateway_id, row.alarm_id])
}

const viewOf = (row: Row): LocalAlarmView => ({
  id: row.alarm_id, gateway: row.gateway_id, asset: row.asset_id, rule: row.rule, severity: row.severity, message: row.message, recommendedAction: row.recommended_action, state: row.state,
  since: iso(row.since_us), raisedAt: iso(row.raised_us), clearedAt: isoOrNull(row.cleared_us), because: row.because, numbers: row.numbers,
  acknowledged: row.acknowledged_by === null ? null : { by: row.acknowledged_by, at: iso(row.ack_us ?? row.raised_us), comment: row.comment },
  judgement: row.judgement, alert: row.alert_id, platform: row.judgement === null ? null : row.alert_id !== null ? 'raised' : row.passed ? 'not-raised' : 'waiting',
  revision: Number(row.revision), firstReportedAt: iso(row.first_us),
})
