import { policySchema, type Policy } from '../domain/policy/policy.ts'
import type { Tx } from './transaction.ts'

/** Stores a version unless there is one; gives the digest of what is stored, and whether this call made it. */
export async function insertPolicy(
  tx: Tx, policy: { site: string; family: string; version: number; digest: string; definition: Policy; createdBy: string },
): Promise<{ policyRef: number; digest: string; made: boolean }> {
  const made = await tx.query<{ policy_ref: number }>(
    `insert into policy (site_id, family_id, version, digest, definition, created_by) values ($1, $2, $3, $4, $5, $6)
     on conflict (site_id, family_id, version) do nothing returning policy_ref`,
    [policy.site, policy.family, policy.version, policy.digest, JSON.stringify(policy.definition), policy.createdBy],
  )
  if (made.rows[0]) return { policyRef: made.rows[0].policy_ref, digest: policy.digest, made: true }
  const { rows } = await tx.query<{ policy_ref: number; digest: string }>(
    'select policy_ref, digest from policy where site_id = $1 and family_id = $2 and version = $3', [policy.site, policy.family, policy.version],
  )
  const known = rows[0] as { policy_ref: number; digest: string }
  return { policyRef: known.policy_ref, digest: known.digest, made: false }
}

/** One version of a family's policy, or undefined. */
export async function policyVersion(tx: Tx, family: string, version: number): Promise<Policy | undefined> {
  const { rows } = await tx.query<{ definition: unknown }>(
    'select definition from policy where site_id = $1 and family_id = $2 and version = $3', [tx.site, family, version])
  return rows.map((row) => policySchema.parse(row.definition))[0]
}

/** The policy with the highest version that a family has, in force or not; undefined without any. */
export async function newestPolicy(tx: Tx, family: string): Promise<Policy | undefined> {
  const { rows } = await tx.query<{ definition: unknown }>(
    'select definition from policy where site_id = $1 and family_id = $2 order by version desc limit 1', [tx.site, family])
  return rows.map((row) => policySchema.parse(row.definition))[0]
}
