import type { LocalAlarm } from '../domain/contract/local-alarm.ts'
import { newestOfEach } from './newest-of-each.ts'
import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/**
 * Keeps alarms as their gateway tells them: a higher revision of one that is there replaces it, a lower or equal one changes
 * nothing. Gives the ids of those that changed.
 */
export async function putLocalAlarms(tx: Tx, site: string, gateway: string, alarms: readonly LocalAlarm[], reportedUs: number): Promise<ReadonlySet<string>> {
  const newest = newestOfEach(alarms)
  if (newest.length === 0) return new Set()
  const column = (pick: (alarm: LocalAlarm) => unknown): unknown[] => newest.map(pick)
  const { rows } = await tx.query<{ alarm_id: string }>(
    `insert into local_alarm (site_id, gateway_id, alarm_id, revision, asset_id, rule, severity, message, recommended_action, state, since_at, raised_at, cleared_at, because, numbers,
                              acknowledged_by, acknowledged_at, comment, judgement, first_reported_at, last_reported_at)
     select $1, $2, a.alarm_id, a.revision, a.asset_id, a.rule, a.severity, a.message, a.action, a.state, ${usToTimestamp('a.since_us')}, ${usToTimestamp('a.raised_us')},
            ${usToTimestamp('a.cleared_us')}, a.because, a.numbers, a.ack_by, ${usToTimestamp('a.ack_us')}, a.comment, a.judgement, ${usToTimestamp('$3')}, ${usToTimestamp('$3')}
       from unnest($4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[], $16::jsonb[],
                   $17::text[], $18::bigint[], $19::text[], $20::jsonb[])
            as a (alarm_id, revision, asset_id, rule, severity, message, action, state, since_us, raised_us, cleared_us, because, numbers, ack_by, ack_us, comment, judgement)
     on conflict (site_id, gateway_id, alarm_id) do update
        set revision = excluded.revision, state = excluded.state, cleared_at = excluded.cleared_at, because = excluded.because, acknowledged_by = excluded.acknowledged_by,
            acknowledged_at = excluded.acknowledged_at, comment = excluded.comment, last_reported_at = excluded.last_reported_at
      where local_alarm.revision < excluded.revision
     returning alarm_id`,
    [site, gateway, reportedUs, column((a) => a.id), column((a) => a.revision), column((a) => a.asset), column((a) => a.rule), column((a) => a.severity), column((a) => a.message),
      column((a) => a.recommendedAction), column((a) => a.state), column((a) => a.sinceUs), column((a) => a.raisedUs), column((a) => a.clearedUs), column((a) => a.because),
      column((a) => JSON.stringify(a.numbers)), column((a) => a.acknowledged?.by ?? null), column((a) => a.acknowledged?.atUs ?? null), column((a) => a.acknowledged?.comment ?? null),
      column((a) => a.judgement && JSON.stringify(a.judgement))])
  return new Set(rows.map(({ alarm_id }) => alarm_id))
}
