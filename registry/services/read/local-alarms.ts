import { demand, type Actor } from '../../domain/access/rights.ts'
import type { AlarmNumber } from '../../domain/contract/local-alarm.ts'
import type { Severity } from '../../domain/contract/scored-event.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso, isoOrNull } from './rows.ts'

/** An alarm that a gateway raised by a rule of its own. */
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
  readonly revision: number
  /** When the platform heard of it first: later than it was raised where there was no connection. */
  readonly firstReportedAt: string
}

interface Row {
  gateway_id: string; alarm_id: string; revision: string; asset_id: string; rule: string; severity: Severity; message: string; recommended_action: string | null; state: 'active' | 'cleared'
  since_us: string; raised_us: string; cleared_us: string | null; because: string | null; numbers: AlarmNumber[]; acknowledged_by: string | null; ack_us: string | null; comment: string | null; first_us: string
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
    `select gateway_id, alarm_id, revision, asset_id, rule, severity, message, recommended_action, state, ${timestampToUs('since_at')} as since_us, ${timestampToUs('raised_at')} as raised_us,
            ${timestampToUs('cleared_at')} as cleared_us, because, numbers, acknowledged_by, ${timestampToUs('acknowledged_at')} as ack_us, comment, ${timestampToUs('first_reported_at')} as first_us
     from local_alarm
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
  revision: Number(row.revision), firstReportedAt: iso(row.first_us),
})
