import type { Tx } from './transaction.ts'

/** Why the rows of a table are kept for good. */
export const KEPT = {
  evidence: 'what was decided, by whom and on what: it must be there when somebody asks years later',
  replay: 'replay, training and lineage of what is kept as evidence need it',
  names: 'ids are never used again, and what is kept refers to them; a handful of rows',
  newest: 'one row each, of the newest state; grows with the fleet alone',
  work: 'work still to be done: its rows go with it, or are changed in place',
} as const
export type KeptBecause = keyof typeof KEPT

/** Rows that are removed: those of which `over` holds. */
export interface Forgotten {
  /** Since when, in words. */
  readonly after: string
  /** Condition on the table's row, called `r`. */
  readonly over: string
}

/** What becomes of the rows of a table: kept for good, removed here after a time, or removed by whoever the words name. */
export type Retention = KeptBecause | Forgotten | { readonly elsewhere: string }

const old = (since: string, interval: string) => `${since} < now() - interval '${interval}'`

/**
 * A rule for every table, held to that by a test: nothing is stored of which nobody knows for how long. A table whose rows are
 * removed here has a policy in the database that lets no younger row be removed.
 */
export const RETENTION: Readonly<Record<string, Retention>> = {
  actor: 'evidence', alert: 'evidence', alert_event: 'evidence', api_key: 'evidence', assignment: 'evidence', audit_entry: 'evidence', delegation: 'evidence', drift_report: 'evidence',
  feedback: 'evidence', gap: 'evidence', gate: 'evidence', gate_decision: 'evidence', gate_message: 'evidence', gate_reviewer: 'evidence', gateway_certificate: 'evidence',
  gateway_update: 'evidence', gateway_update_target: 'evidence', governance_version: 'evidence', incident: 'evidence', incident_window: 'evidence', label: 'evidence', ledger_entry: 'evidence',
  ledger_seal: 'evidence', local_alarm: 'evidence', maintenance_event: 'evidence', operation: 'evidence', quarantine: 'evidence', rescore: 'evidence', rescore_part: 'evidence', rollout: 'evidence',
  rollout_check: 'evidence', slice_asset: 'evidence', work_order: 'evidence',
  dataset: 'replay', feature_set: 'replay', feature_window: 'replay', gateway_mapping: 'replay', model_version: 'replay', policy: 'replay', raw_batch: 'replay', release: 'replay', score: 'replay', waveform: 'replay',
  area: 'names', asset: 'names', asset_source: 'names', asset_version: 'names', component: 'names', family: 'names', line: 'names', site: 'names', tag: 'names', tag_version: 'names', webhook: 'names',
  asset_lane: 'newest', compaction: 'newest', gateway: 'newest', gateway_access: 'newest', gateway_lane: 'newest', gateway_report: 'newest', tag_head: 'newest',
  late_window: 'work', score_chunked: 'work',
  reading_chunk: { elsewhere: 'small chunks are replaced by a larger one of the same readings (compaction); readings are kept for good' },
  score_chunk: { elsewhere: 'packed from `score` for back-tests, and packed anew when scores are revised' },
  outbox: { elsewhere: '7 days after delivery; what could not be delivered 70 days' },
  idempotency_record: { elsewhere: 'a day' },
  gateway_enrolment: { after: 'a year after the token was used, withdrawn or ran out', over: old('coalesce(r.used_at, r.withdrawn_at, r.expires_at)', '1 year') },
  gateway_command: {
    after: 'a year after the gateway was done with the order; orders of an update stay with it',
    over: `r.state in ('done', 'refused') and ${old('r.updated_at', '1 year')} and not exists (select from gateway_update_target t where t.command_id = r.command_id)`,
  },
  local_judgement: { after: 'a year after a window was last compared', over: old('r.compared_at', '1 year') },
}

const AT_ONCE = 10_000

/** Removes rows that are over, some thousands of each table; needs a transaction over all sites. Gives how many: 0 when nothing is left. */
export async function forgetOver(tx: Tx): Promise<number> {
  let removed = 0
  for (const [table, rule] of Object.entries(RETENTION)) {
    if (typeof rule === 'string' || !('over' in rule)) continue
    const { rowCount } = await tx.query(`delete from ${table} where ctid = any (array(select r.ctid from ${table} r where ${rule.over} limit ${AT_ONCE}))`)
    removed += rowCount ?? 0
  }
  return removed
}
