import { lettingGate, narrowness, reaches } from './assignments.ts'
import type { ModelOrigin } from './model-versions.ts'
import { timestampToUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface AlertRoot {
  readonly alertId: string; readonly scoreId: string; readonly ruleId: string; readonly severity: string; readonly state: string; readonly raisedUs: number
  /** Wall time. */
  readonly createdUs: number; readonly closedUs: number | null
}

const ALERT_ROOT = `select alert_id, raised_score_id, rule_id, severity, state, ${timestampToUs('raised_at')} as raised_us, ${timestampToUs('created_at')} as created_us,
  ${timestampToUs('closed_at')} as closed_us from alert`
interface AlertRow { alert_id: string; raised_score_id: string; rule_id: string; severity: string; state: string; raised_us: string; created_us: string; closed_us: string | null }
const rootOf = (row: AlertRow): AlertRoot => ({
  alertId: row.alert_id, scoreId: row.raised_score_id, ruleId: row.rule_id, severity: row.severity, state: row.state, raisedUs: Number(row.raised_us),
  createdUs: Number(row.created_us), closedUs: toUsOrNull(row.closed_us),
})

export async function findAlertRoot(tx: Tx, site: string, alertId: string): Promise<AlertRoot | undefined> {
  const { rows } = await tx.query<AlertRow>(`${ALERT_ROOT} where site_id = $1 and alert_id = $2`, [site, alertId])
  return rows.map(rootOf)[0]
}

/** The alerts that a score's decision raised, or raised again, of its machine. */
export async function alertsRaisedBy(tx: Tx, assetRef: number, scoreId: string): Promise<AlertRoot[]> {
  const { rows } = await tx.query<AlertRow>(
    `${ALERT_ROOT} where asset_ref = $1 and (raised_score_id = $2 or exists (
       select from alert_event e where e.alert_id = alert.alert_id and e.kind = 'raised-again' and e.detail->>'score' = $2::bigint::text))
     order by rule_id`, [assetRef, scoreId])
  return rows.map(rootOf)
}

export interface FollowUps {
  readonly workOrder: { readonly number: string; readonly title: string; readonly state: string; readonly createdBy: string } | null
  readonly feedback: readonly { readonly by: string; readonly verdict: string; readonly failureMode: string | null; readonly note: string; readonly atUs: number }[]
}

/** What people made of an alert. */
export async function followUpsOf(tx: Tx, alertId: string): Promise<FollowUps> {
  const orders = await tx.query<{ number: string; title: string; state: string; created_by: string }>('select number, title, state, created_by from work_order where alert_id = $1', [alertId])
  const feedback = await tx.query<{ given_by: string; verdict: string; failure_mode: string | null; note: string; at_us: string }>(
    `select given_by, verdict, failure_mode, note, ${timestampToUs('given_at')} as at_us from feedback where alert_id = $1 order by given_at`, [alertId])
  return {
    workOrder: orders.rows.map(({ created_by: createdBy, ...order }) => ({ ...order, createdBy }))[0] ?? null,
    feedback: feedback.rows.map((row) => ({ by: row.given_by, verdict: row.verdict, failureMode: row.failure_mode, note: row.note, atUs: Number(row.at_us) })),
  }
}

export interface BatchRecord {
  readonly batchId: number; readonly gateway: string; readonly epoch: string; readonly sequence: number; readonly digest: string
  readonly objectKey: string; readonly commitNumber: number; readonly receivedUs: number; readonly committedUs: number
}

export async function batchRecords(tx: Tx, batchIds: readonly number[]): Promise<BatchRecord[]> {
  const { rows } = await tx.query<{
    batch_id: string; gateway_id: string; epoch: string; sequence: string; digest: string; object_key: string; commit_number: string; received_us: string; committed_us: string
  }>(
    `select batch_id, gateway_id, epoch, sequence, digest, object_key, commit_number, ${timestampToUs('received_at')} as received_us, ${timestampToUs('committed_at')} as committed_us
     from raw_batch where batch_id = any($1::bigint[]) order by commit_number`, [batchIds])
  return rows.map((row) => ({
    batchId: Number(row.batch_id), gateway: row.gateway_id, epoch: row.epoch, sequence: Number(row.sequence), digest: row.digest,
    objectKey: row.object_key, commitNumber: Number(row.commit_number), receivedUs: Number(row.received_us), committedUs: Number(row.committed_us),
  }))
}

export interface ReleaseRecord {
  readonly policy: { readonly version: number; readonly digest: string }
  readonly dataset: { readonly datasetId: string; readonly digest: string; readonly rowCount: number; readonly commitNumber: number; readonly manifest: unknown }
  readonly copiedFrom: ModelOrigin | null
  /** The assignment under which the release judged at that time, and the gate it came through: of a roll back, the one that had let it in. */
  readonly assignment: { readonly id: string; readonly reason: string; readonly assignedBy: string; readonly scope: string; readonly gateId: string | null } | null
  readonly decisions: readonly { readonly actor: string; readonly roles: readonly string[]; readonly verdict: string; readonly evidenceDigest: string; readonly atUs: number }[]
}

/** What a release is made of, and who let it judge in a role at an instant. */
export async function releaseRecord(tx: Tx, releaseRef: number, role: string, asset: { assetId: string; lineId: string; familyId: string }, atUs: number): Promise<ReleaseRecord> {
  const { rows: [parts] } = await tx.query<{ site_id: string; family_id: string; version: number; digest: string; dataset_id: string; dataset_digest: string; row_count: number; commit_number: string; manifest: unknown; copied_from: ModelOrigin | null }>(
    `select r.site_id, r.family_id, p.version, p.digest, d.dataset_id, d.digest as dataset_digest, d.row_count, d.commit_number,
            jsonb_build_object('site', d.manifest->'site', 'sites', d.manifest->'sites') as manifest, m.copied_from
     from release r join policy p using (policy_ref) join model_version m using (model_version_ref) join dataset d using (dataset_id)
     where r.release_ref = $1`, [releaseRef])
  if (parts === undefined) throw new Error(`release ${releaseRef} is gone`)
  const { rows: [assigned] } = await tx.query<{ assignment_id: string; reason: string; assigned_by: string; scope: string; gate_id: string | null }>(
    `select a.assignment_id, a.reason, a.assigned_by, a.scope_kind || ' ' || a.scope_id as scope, through.gate_id
     from assignment a left join lateral ${lettingGate} through on true
     where a.site_id = $7 and a.family_id = $8 and a.release_ref = $1 and a.role = $2 and a.holds_from <= ${usToTimestamp('$3')} and a.holds_to > ${usToTimestamp('$3')}
       and ${reaches({ kind: 'a.scope_kind', id: 'a.scope_id' }, { id: '$4::text', line: '$5', family: '$6' })}
     order by ${narrowness('a.scope_kind')} limit 1`,
    [releaseRef, role, atUs, asset.assetId, asset.lineId, asset.familyId, parts.site_id, parts.family_id])
  const decisions = assigned === undefined || assigned.gate_id === null ? [] : (await tx.query<{ actor_id: string; actor_roles: string[]; verdict: string; evidence_digest: string; at_us: string }>(
    `select actor_id, actor_roles, verdict, evidence_digest, ${timestampToUs('decided_at')} as at_us
     from gate_decision where gate_id = $1 order by gate_decision_id`, [assigned.gate_id])).rows
  return {
    policy: { version: parts.version, digest: parts.digest },
    dataset: { datasetId: parts.dataset_id, digest: parts.dataset_digest, rowCount: parts.row_count, commitNumber: Number(parts.commit_number), manifest: parts.manifest },
    copiedFrom: parts.copied_from,
    assignment: assigned === undefined ? null
      : { id: assigned.assignment_id, reason: assigned.reason, assignedBy: assigned.assigned_by, scope: assigned.scope, gateId: assigned.gate_id },
    decisions: decisions.map((row) => ({
      actor: row.actor_id, roles: row.actor_roles, verdict: row.verdict, evidenceDigest: row.evidence_digest, atUs: Number(row.at_us),
    })),
  }
}
