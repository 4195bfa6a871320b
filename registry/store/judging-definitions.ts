import { featureSetSchema, type FeatureSet } from '../domain/features/feature-set.ts'
import { policySchema, type Policy } from '../domain/policy/policy.ts'
import { calibrationSchema, type Calibration } from '../domain/scoring/calibration.ts'
import type { RoleTag } from '../domain/windows/window-readings.ts'
import { timestampToUs } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface FeatureSetDefinition {
  readonly featureSetRef: number
  readonly digest: string
  readonly set: FeatureSet
}

/** Everything a release binds; none of it ever changes, so it may be kept as long as one likes. */
export interface ReleaseDefinition {
  readonly releaseRef: number
  readonly releaseId: string
  readonly digest: string
  readonly featureSetRef: number
  readonly model: {
    readonly modelVersionRef: number
    readonly name: string
    readonly version: number
    readonly kind: string
    readonly artifactKey: string
    readonly digest: string
    readonly datasetId: string
  }
  readonly calibration: Calibration
  readonly policyRef: number
  readonly policy: Policy
}

export async function featureSetDefinitions(tx: Tx, refs: readonly number[]): Promise<FeatureSetDefinition[]> {
  const { rows } = await tx.query<{ feature_set_ref: number; digest: string; definition: unknown }>(
    'select feature_set_ref, digest, definition from feature_set where feature_set_ref = any($1::int[])', [refs],
  )
  return rows.map((row) => ({ featureSetRef: row.feature_set_ref, digest: row.digest, set: featureSetSchema.parse(row.definition) }))
}

export async function releaseDefinitions(tx: Tx, refs: readonly number[]): Promise<ReleaseDefinition[]> {
  const { rows } = await tx.query<{
    release_ref: number; release_id: string; digest: string; feature_set_ref: number; model_version_ref: number; name: string
    version: number; kind: string; artifact_key: string; model_digest: string; dataset_id: string; calibration: unknown
    policy_ref: number; policy: unknown
  }>(
    `select r.release_ref, r.release_id, r.digest, r.feature_set_ref, m.model_version_ref, m.name, m.version, m.kind, m.artifact_key,
            m.digest as model_digest, m.dataset_id, m.calibration, r.policy_ref, p.definition as policy
     from release r
     join model_version m using (model_version_ref)
     join policy p using (policy_ref)
     where r.release_ref = any($1::int[])`,
    [refs],
  )
  return rows.map((row) => ({
    releaseRef: row.release_ref, releaseId: row.release_id, digest: row.digest, featureSetRef: row.feature_set_ref,
    model: {
      modelVersionRef: row.model_version_ref, name: row.name, version: row.version, kind: row.kind, artifactKey: row.artifact_key,
      digest: row.model_digest, datasetId: row.dataset_id,
    },
    calibration: calibrationSchema.parse(row.calibration), policyRef: row.policy_ref, policy: policySchema.parse(row.policy),
  }))
}

/** The tags of some assets with every role they had, and when. */
export async function roleTagsOf(tx: Tx, assetRefs: readonly number[]): Promise<Map<number, RoleTag[]>> {
  const { rows } = await tx.query<{
    asset_ref: number; tag_ref: number; tag_key: string; kind: RoleTag['kind']; role: string; from_us: string | null; to_us: string | null
  }>(
    `select t.asset_ref, t.tag_ref, t.tag_key, t.kind, v.role,
            ${timestampToUs("nullif(lower(v.valid), '-infinity')")} as from_us,
            ${timestampToUs("nullif(upper(v.valid), 'infinity')")} as to_us
     from tag t join tag_version v using (tag_ref)
     where t.asset_ref = any($1::int[]) order by t.asset_ref, t.tag_key, lower(v.valid) nulls first`,
    [assetRefs],
  )
  const byAsset = new Map<number, RoleTag[]>()
  for (const row of rows) {
    const tag: RoleTag = {
      tagRef: row.tag_ref, tagKey: row.tag_key, role: row.role, kind: row.kind,
      fromUs: row.from_us === null ? -Infinity : Number(row.from_us), toUs: row.to_us === null ? Infinity : Number(row.to_us),
    }
    const known = byAsset.get(row.asset_ref)
    if (known === undefined) byAsset.set(row.asset_ref, [tag])
    else known.push(tag)
  }
  return byAsset
}

/** The readings-bearing tags of a feature set: those in one of its roles, of the kind the role is used as. */
export function tagsForRoles(tags: readonly RoleTag[], roles: { scalar: readonly string[]; waveform: readonly string[] }): RoleTag[] {
  return tags.filter((tag) => (tag.kind === 'scalar' ? roles.scalar : roles.waveform).includes(tag.role))
}
