import type { Role } from '../domain/access/rights.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface DelegationRow {
  readonly id: string
  readonly site: string
  /** Null: every family of the site. */
  readonly family: string | null
  readonly delegator: string
  readonly delegate: string
  readonly reason: string
  readonly madeUs: number
  readonly endsUs: number
  readonly revokedUs: number | null
  readonly revokedBy: string | null
}

export interface DelegationColumns {
  delegation_id: string; site_id: string; family_id: string | null; delegator_id: string; delegate_id: string; reason: string; made_us: string; ends_us: string
  revoked_us: string | null; revoked_by: string | null
}

export const delegationColumns = `d.delegation_id, d.site_id, d.family_id, d.delegator_id, d.delegate_id, d.reason, ${timestampToUs('d.made_at')} as made_us,
  ${timestampToUs('d.ends_at')} as ends_us, ${timestampToUs('d.revoked_at')} as revoked_us, d.revoked_by`

export const toDelegation = (row: DelegationColumns): DelegationRow => ({
  id: row.delegation_id, site: row.site_id, family: row.family_id, delegator: row.delegator_id, delegate: row.delegate_id, reason: row.reason,
  madeUs: toUs(row.made_us), endsUs: toUs(row.ends_us), revokedUs: toUsOrNull(row.revoked_us), revokedBy: row.revoked_by,
})

/** SQL: the delegation `d` runs at the instant of a parameter. */
export const runsAt = (nowUs: string): string => `d.revoked_at is null and ${usToTimestamp(nowUs)} < d.ends_at`

export async function insertDelegation(tx: Tx, delegation: Omit<DelegationRow, 'revokedUs' | 'revokedBy'>): Promise<void> {
  const { id, site, family, delegator, delegate, reason, madeUs, endsUs } = delegation
  await tx.query(
    `insert into delegation (delegation_id, site_id, family_id, delegator_id, delegate_id, reason, made_at, ends_at)
     values ($1, $2, $3, $4, $5, $6, ${usToTimestamp('$7')}, ${usToTimestamp('$8')})`,
    [id, site, family, delegator, delegate, reason, madeUs, endsUs],
  )
}

/** Locked until the transaction ends; null when the site has none of that id. */
export async function lockDelegation(tx: Tx, site: string, id: string): Promise<DelegationRow | null> {
  const { rows } = await tx.query<DelegationColumns>(`select ${delegationColumns} from delegation d where d.site_id = $1 and d.delegation_id = $2 for update`, [site, id])
  return rows[0] ? toDelegation(rows[0]) : null
}

export async function endDelegation(tx: Tx, id: string, by: string, nowUs: number): Promise<void> {
  await tx.query(
    `update delegation set revoked_at = ${usToTimestamp('$3')}, revoked_by = $2 where delegation_id = $1 and revoked_at is null`, [id, by, nowUs])
}

/** Active actors who have delegated to somebody for a family, as they stand now, each once. */
export async function delegatorsTo(
  tx: Tx, to: { site: string; family: string; delegate: string; nowUs: number },
): Promise<{ id: string; roles: readonly Role[] }[]> {
  const { rows } = await tx.query<{ id: string; roles: Role[] }>(
    `select p.actor_id as id, p.roles from (select distinct d.delegator_id from delegation d
       where d.site_id = $1 and d.delegate_id = $2 and (d.family_id is null or d.family_id = $3) and ${runsAt('$4')}) as given
     cross join lateral (select a.actor_id, a.roles, a.disabled_at from actor a where a.actor_id = given.delegator_id and a.site_id in ($1, '_fleet')
       order by a.site_id = $1 desc limit 1) as p
     where p.disabled_at is null order by p.actor_id`,
    [to.site, to.delegate, to.family, to.nowUs],
  )
  return rows
}
