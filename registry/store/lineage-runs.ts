import { lettingGate } from './assignments.ts'
import { z } from 'zod'
import type { ArrivalFacts, JudgingFacts, TrainingFacts } from '../domain/lineage/facts.ts'
import type { ModelOrigin } from './model-versions.ts'
import { timestampToUs, toUs, toUsOrNull } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** What a training run was asked for; the trainer's own shape of it is the workflow's. */
const requestSchema = z.object({
  input: z.object({ family: z.string(), reason: z.string(), fromUs: z.number(), toUs: z.number(), sites: z.array(z.string()).default([]) }),
})
const progressSchema = z.object({ snapshot: z.object({ dataset: z.string() }).optional() })
const manifestSites = z.object({ sites: z.array(z.object({ site: z.string(), commitNumber: z.number() })).optional() })

/** A training run as its operation tells it; undefined when the id is of none. */
export async function trainingFacts(tx: Tx, site: string, operation: string): Promise<TrainingFacts | undefined> {
  if (!z.uuid().safeParse(operation).success) return undefined
  const { rows: [row] } = await tx.query<{
    request: unknown; state: string; error: { message?: string } | null; progress: unknown; requested_by: string; created_us: string; ended_us: string | null
  }>(
    `select request, state, error, progress, requested_by, ${timestampToUs('created_at')} as created_us, ${timestampToUs('ended_at')} as ended_us
     from operation where site_id = $1 and operation_id = $2 and kind = 'retrain-model'`, [site, operation])
  if (row === undefined) return undefined
  const { input: { family, reason, fromUs, toUs: untilUs, sites } } = requestSchema.parse(row.request)
  const { snapshot } = progressSchema.parse(row.progress)
  const { rows: [dataset] } = await tx.query<{ dataset_id: string; digest: string; row_count: number; commit_number: string; manifest: unknown }>(
    `select dataset_id, digest, row_count, commit_number, jsonb_build_object('sites', coalesce(manifest->'sites', '[]')) as manifest from dataset where site_id = $1 and dataset_id = $2::uuid`,
    [site, snapshot?.dataset ?? null])
  const { rows: models } = await tx.query<{ name: string; version: number; kind: string; digest: string }>(
    'select name, version, kind, digest from model_version where site_id = $1 and run_id = $2 and copied_from is null order by model_version_ref', [site, operation])
  const commits = new Map(dataset && [[site, Number(dataset.commit_number)] as const, ...(manifestSites.parse(dataset.manifest).sites ?? []).map((each) => [each.site, each.commitNumber] as const)])
  const state = row.state
  return {
    site, operation, family, reason, requestedBy: row.requested_by, startUs: toUs(row.created_us),
    end: row.ended_us !== null && (state === 'succeeded' || state === 'failed' || state === 'cancelled')
      ? { state, atUs: toUs(row.ended_us), error: row.error?.message ?? null } : null,
    fromUs: fromUs > 0 ? fromUs : null, toUs: untilUs,
    sites: [site, ...sites].map((each) => ({ site: each, commitNumber: commits.get(each) ?? null })),
    dataset: dataset ? { id: dataset.dataset_id, digest: dataset.digest, rows: dataset.row_count } : null,
    models,
  }
}

/** Where a model version came from: the run that trained it here, or how it arrived; undefined when there is no such version. */
export async function modelOriginFacts(
  tx: Tx, site: string, name: string, version: number,
): Promise<{ readonly modelVersionRef: number; readonly run: string; readonly arrival: ArrivalFacts } | undefined> {
  const { rows: [row] } = await tx.query<{
    model_version_ref: number; family_id: string; digest: string; run_id: string; created_by: string; created_us: string; copied_from: ModelOrigin | null
    dataset_id: string; dataset_digest: string; row_count: number
  }>(
    `select m.model_version_ref, m.family_id, m.digest, m.run_id, m.created_by, ${timestampToUs('m.created_at')} as created_us, m.copied_from,
            d.dataset_id, d.digest as dataset_digest, d.row_count
     from model_version m join dataset d using (dataset_id) where m.site_id = $1 and m.name = $2 and m.version = $3`, [site, name, version])
  if (row === undefined) return undefined
  return {
    modelVersionRef: row.model_version_ref, run: row.run_id,
    arrival: {
      site, family: row.family_id, model: { name, version, digest: row.digest }, by: row.created_by, atUs: toUs(row.created_us), run: row.run_id, copiedFrom: row.copied_from,
      dataset: { id: row.dataset_id, digest: row.dataset_digest, rows: row.row_count },
    },
  }
}

/** Assignments with what judges under them: the ones named, or the newest of a model version's releases, in the order of time. */
export async function judgingFacts(
  tx: Tx, site: string, which: { readonly assignments: readonly string[] } | { readonly modelVersionRef: number; readonly limit: number },
): Promise<JudgingFacts[]> {
  const byId = 'assignments' in which
  const { rows } = await tx.query<{
    assignment_id: string; family_id: string; role: string; scope_kind: string; scope_id: string; from_us: string; to_us: string | null
    release_id: string; release_digest: string; model: JudgingFacts['model']; feature_set: JudgingFacts['featureSet']; policy: JudgingFacts['policy']
    reason: string; assigned_by: string; gate_id: string | null
  }>(
    `select a.assignment_id, a.family_id, a.role, a.scope_kind, a.scope_id, ${timestampToUs('lower(a.valid)')} as from_us, ${timestampToUs('upper(a.valid)')} as to_us,
            r.release_id, r.digest as release_digest, jsonb_build_object('name', m.name, 'version', m.version, 'digest', m.digest) as model,
            jsonb_build_object('name', f.name, 'version', f.version, 'digest', f.digest) as feature_set, jsonb_build_object('version', p.version, 'digest', p.digest) as policy,
            a.reason, a.assigned_by, through.gate_id
     from assignment a left join lateral ${lettingGate} through on true join release r using (release_ref) join model_version m using (model_version_ref) join feature_set f on f.feature_set_ref = r.feature_set_ref join policy p using (policy_ref)
     where a.site_id = $1 and ${byId ? 'a.assignment_id = any($2::uuid[])' : 'r.model_version_ref = $2'} order by lower(a.valid) desc, a.assignment_id limit $3`,
    [site, byId ? which.assignments : which.modelVersionRef, byId ? which.assignments.length : which.limit])
  const gates = rows.flatMap(({ gate_id: gate }) => gate ?? [])
  const { rows: decided } = await tx.query<{ gate_id: string; actor_id: string; actor_roles: string[]; verdict: string; evidence_digest: string; at_us: string }>(
    `select gate_id, actor_id, actor_roles, verdict, evidence_digest, ${timestampToUs('decided_at')} as at_us
     from gate_decision where site_id = $1 and gate_id = any($2::uuid[]) order by gate_decision_id`, [site, gates])
  return rows.reverse().map((row) => ({
    site, assignment: row.assignment_id, family: row.family_id, role: row.role, scope: { kind: row.scope_kind, id: row.scope_id }, startUs: toUs(row.from_us), endUs: toUsOrNull(row.to_us),
    release: { id: row.release_id, digest: row.release_digest }, model: row.model, featureSet: row.feature_set, policy: row.policy,
    reason: row.reason, assignedBy: row.assigned_by, gate: row.gate_id,
    decisions: decided.filter(({ gate_id: gate }) => gate === row.gate_id).map((each) => (
      { actor: each.actor_id, roles: each.actor_roles, verdict: each.verdict, evidenceDigest: each.evidence_digest, atUs: toUs(each.at_us) })),
  }))
}
