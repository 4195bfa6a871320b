import type { LocalAlarm } from '../domain/contract/local-alarm.ts'
import { timestampToUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** A local alarm of a release, as far as the platform's own episode is concerned. */
export interface JudgedAlarm {
  readonly gateway: string
  readonly id: string
  readonly acknowledged: { readonly by: string; readonly atUs: number; readonly comment: string | null } | null
  /** When receivers were told of it; null: they have not been. */
  readonly toldUs: number | null
}

/** Who acknowledges at a box says a name there; nobody has proved it. */
export const gatewayPerson = (gateway: string, by: string): string => `gateway/${gateway}: ${by}`

/** How far apart gateway and platform may see the same rule raise: the window it judged. */
const WINDOW = "((l.judgement->'window'->>'endUs')::bigint - (l.judgement->'window'->>'startUs')::bigint) * interval '1 microsecond'"

interface Row { gateway_id: string; alarm_id: string; acknowledged_by: string | null; ack_us: string | null; comment: string | null; told_us: string | null }
const COLUMNS = `l.gateway_id, l.alarm_id, l.acknowledged_by, ${timestampToUs('l.acknowledged_at')} as ack_us, l.comment, ${timestampToUs('l.told_at')} as told_us`
const fromRow = (row: Row): JudgedAlarm => ({
  gateway: row.gateway_id, id: row.alarm_id, toldUs: toUsOrNull(row.told_us),
  acknowledged: row.acknowledged_by === null ? null : { by: row.acknowledged_by, atUs: toUsOrNull(row.ack_us) ?? 0, comment: row.comment },
})

/** The gateway's alarm of an episode that the platform is about to raise: of the same rule, and standing then. */
export async function alarmForEpisode(tx: Tx, site: string, asset: string, rule: string, raisedAtUs: number): Promise<JudgedAlarm | null> {
  const { rows } = await tx.query<Row>(
    `select ${COLUMNS} from local_alarm l
      where l.site_id = $1 and l.asset_id = $2 and l.rule = $3 and l.judgement is not null and l.alert_id is null
        and l.since_at <= ${usToTimestamp('$4')} + ${WINDOW} and (l.cleared_at is null or l.cleared_at + ${WINDOW} >= ${usToTimestamp('$4')})
      order by l.since_at limit 1 for update`,
    [site, asset, rule, raisedAtUs])
  return rows[0] === undefined ? null : fromRow(rows[0])
}

export async function linkAlarm(tx: Tx, site: string, { gateway, id }: Pick<JudgedAlarm, 'gateway' | 'id'>, alertId: string): Promise<void> {
  await tx.query('update local_alarm set alert_id = $4 where site_id = $1 and gateway_id = $2 and alarm_id = $3 and alert_id is null', [site, gateway, id, alertId])
}

/**
 * Links those alarms of the site that an episode of the platform is there for: of one gateway and these ids, or all. Gives those
 * that were linked. One that somebody closed by hand ends there.
 */
export async function linkToEpisodes(tx: Tx, site: string, of: { readonly gateway: string; readonly ids: readonly string[] } | null): Promise<Pick<JudgedAlarm, 'gateway' | 'id'>[]> {
  const { rows } = await tx.query<{ gateway_id: string; alarm_id: string }>(
    `update local_alarm t set alert_id = found.alert_id
       from (select l.gateway_id, l.alarm_id, e.alert_id from local_alarm l join asset a on a.site_id = l.site_id and a.asset_id = l.asset_id
             cross join lateral (select alert_id from alert e where e.asset_ref = a.asset_ref and e.rule_id = l.rule and e.raised_at <= l.since_at + ${WINDOW}
                                    and (coalesce(e.cleared_at, e.closed_at) is null or coalesce(e.cleared_at, e.closed_at) + ${WINDOW} >= l.since_at) order by e.raised_at desc limit 1) e
              where l.site_id = $1 and ($2::text is null or (l.gateway_id = $2 and l.alarm_id = any($3))) and l.judgement is not null and l.alert_id is null) found
      where t.site_id = $1 and t.gateway_id = found.gateway_id and t.alarm_id = found.alarm_id
     returning t.gateway_id, t.alarm_id`,
    [site, of?.gateway ?? null, of?.ids ?? null])
  return rows.map(({ gateway_id, alarm_id }) => ({ gateway: gateway_id, id: alarm_id }))
}

/**
 * Episodes of the platform that nobody has acknowledged there, and somebody has at the gateway. One that was raised again
 * since is not meant.
 */
export async function acknowledgedAtGateway(tx: Tx, site: string, gateway: string, ids: readonly string[]): Promise<(JudgedAlarm & { readonly alertId: string })[]> {
  const { rows } = await tx.query<Row & { alert_id: string }>(
    `select ${COLUMNS}, l.alert_id from local_alarm l join alert e using (alert_id)
      where l.site_id = $1 and l.gateway_id = $2 and l.alarm_id = any($3) and l.acknowledged_by is not null and e.state in ('unacknowledged', 'returned-unacknowledged')
        and (l.acknowledged_at >= e.called_at or e.called_at = e.created_at)
      order by l.alert_id for update of e`,
    [site, gateway, ids])
  return rows.map((row) => ({ ...fromRow(row), alertId: row.alert_id }))
}

/** The gateway's alarms of an episode, which nobody has acknowledged there. */
export async function unacknowledgedAtGateway(tx: Tx, alertId: string): Promise<Pick<JudgedAlarm, 'gateway' | 'id'>[]> {
  const { rows } = await tx.query<{ gateway_id: string; alarm_id: string }>(
    "select gateway_id, alarm_id from local_alarm where alert_id = $1 and acknowledged_by is null", [alertId])
  return rows.map(({ gateway_id, alarm_id }) => ({ gateway: gateway_id, id: alarm_id }))
}

export interface UntoldAlarm {
  readonly gateway: string; readonly id: string; readonly asset: string; readonly rule: string; readonly severity: string; readonly message: string
  readonly recommendedAction: string | null; readonly sinceUs: number; readonly raisedUs: number; readonly clearedUs: number | null; readonly because: LocalAlarm['because']
  readonly judgement: Readonly<Record<string, unknown>>
}

/** Alarms of releases that were heard of before this and that the platform has not come to: marked as told now. */
export async function takeUntold(tx: Tx, site: string, heardBeforeUs: number, nowUs: number): Promise<UntoldAlarm[]> {
  const { rows } = await tx.query<{
    gateway_id: string; alarm_id: string; asset_id: string; rule: string; severity: string; message: string; recommended_action: string | null
    since_us: string; raised_us: string; cleared_us: string | null; because: LocalAlarm['because']; judgement: Record<string, unknown>
  }>(
    `update local_alarm l set told_at = ${usToTimestamp('$3')}
      where l.site_id = $1 and l.judgement is not null and l.alert_id is null and l.told_at is null and l.first_reported_at <= ${usToTimestamp('$2')}
     returning l.gateway_id, l.alarm_id, l.asset_id, l.rule, l.severity, l.message, l.recommended_action, ${timestampToUs('l.since_at')} as since_us, ${timestampToUs('l.raised_at')} as raised_us,
               ${timestampToUs('l.cleared_at')} as cleared_us, l.because, l.judgement`,
    [site, heardBeforeUs, nowUs])
  return rows.map((row) => ({
    gateway: row.gateway_id, id: row.alarm_id, asset: row.asset_id, rule: row.rule, severity: row.severity, message: row.message, recommendedAction: row.recommended_action,
    sinceUs: Number(row.since_us), raisedUs: Number(row.raised_us), clearedUs: toUsOrNull(row.cleared_us), because: row.because, judgement: row.judgement,
  }))
}

/** Those of a gateway's alarms that receivers have been told of. */
export async function toldAlarms(tx: Tx, site: string, gateway: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await tx.query<{ alarm_id: string }>(
    'select alarm_id from local_alarm where site_id = $1 and gateway_id = $2 and alarm_id = any($3) and told_at is not null', [site, gateway, ids])
  return new Set(rows.map(({ alarm_id }) => alarm_id))
}

/** Sites where {@link takeUntold} has something to take. */
export async function sitesWithUntold(tx: Tx, heardBeforeUs: number): Promise<string[]> {
  const { rows } = await tx.query<{ site_id: string }>(
    `select distinct site_id from local_alarm where judgement is not null and alert_id is null and told_at is null and first_reported_at <= ${usToTimestamp('$1')} order by 1`, [heardBeforeUs])
  return rows.map(({ site_id }) => site_id)
}
