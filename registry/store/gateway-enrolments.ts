import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface StoredEnrolment {
  readonly id: string
  readonly gateway: string
  readonly createdBy: string
  readonly expiresUs: number
  readonly usedUs: number | null
  readonly withdrawnUs: number | null
  /** What it was used for. */
  readonly certificateId: string | null
}

export async function insertEnrolment(
  tx: Tx, one: { site: string; gateway: string; hash: Uint8Array; createdBy: string; createdUs: number; expiresUs: number },
): Promise<string> {
  const { rows } = await tx.query<{ enrolment_id: string }>(
    `insert into gateway_enrolment (site_id, gateway_id, hash, created_by, created_at, expires_at)
     values ($1, $2, $3, $4, ${usToTimestamp('$5')}, ${usToTimestamp('$6')}) returning enrolment_id`,
    [one.site, one.gateway, one.hash, one.createdBy, one.createdUs, one.expiresUs],
  )
  return (rows[0] as { enrolment_id: string }).enrolment_id
}

/** Tokens of the gateway that nobody has used yet work no more. Says how many there were. */
export async function withdrawEnrolments(tx: Tx, site: string, gateway: string, nowUs: number): Promise<number> {
  const { rowCount } = await tx.query(
    `update gateway_enrolment set withdrawn_at = ${usToTimestamp('$3')} where site_id = $1 and gateway_id = $2 and used_at is null and withdrawn_at is null`,
    [site, gateway, nowUs],
  )
  return rowCount ?? 0
}

/** The token, locked until the transaction ends: of two who show it at once, the second sees what the first did. */
export async function lockEnrolment(tx: Tx, site: string, gateway: string, hash: Uint8Array): Promise<StoredEnrolment | null> {
  const { rows } = await tx.query<{
    enrolment_id: string; gateway_id: string; created_by: string; expires_us: string; used_us: string | null; withdrawn_us: string | null; certificate_id: string | null
  }>(
    `select enrolment_id, gateway_id, created_by, ${timestampToUs('expires_at')} as expires_us, ${timestampToUs('used_at')} as used_us,
            ${timestampToUs('withdrawn_at')} as withdrawn_us, certificate_id
       from gateway_enrolment where site_id = $1 and gateway_id = $2 and hash = $3 for update`,
    [site, gateway, hash],
  )
  const row = rows[0]
  return row ? {
    id: row.enrolment_id, gateway: row.gateway_id, createdBy: row.created_by, expiresUs: toUs(row.expires_us), usedUs: toUsOrNull(row.used_us),
    withdrawnUs: toUsOrNull(row.withdrawn_us), certificateId: row.certificate_id,
  } : null
}

export async function useEnrolment(tx: Tx, id: string, certificateId: string, nowUs: number): Promise<void> {
  await tx.query(`update gateway_enrolment set used_at = ${usToTimestamp('$3')}, certificate_id = $2 where enrolment_id = $1 and used_at is null`, [id, certificateId, nowUs])
}
