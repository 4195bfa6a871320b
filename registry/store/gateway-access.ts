import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** LISTEN channel of the door; the payload is `site/gateway`. */
export const GATEWAY_ACCESS_CHANNEL = 'gateway_access'

/** The payload where another authority signs. */
export const AUTHORITY_CHANGED = '*'

export async function notifyAccess(tx: Tx, site: string, gateway: string): Promise<void> {
  await tx.query('select pg_notify($1, $2)', [GATEWAY_ACCESS_CHANNEL, `${site}/${gateway}`])
}

/** From now on nothing of the gateway is taken, until it is enrolled again. */
export async function shutOut(tx: Tx, site: string, gateway: string, { by, because, atUs }: { by: string; because: string; atUs: number }): Promise<void> {
  await tx.query(
    `insert into gateway_access (site_id, gateway_id, shut_at, shut_by, shut_because) values ($1, $2, ${usToTimestamp('$3')}, $4, $5)
     on conflict (site_id, gateway_id) do update set shut_at = excluded.shut_at, shut_by = excluded.shut_by, shut_because = excluded.shut_because`,
    [site, gateway, atUs, by, because],
  )
}

/** Enrolled again: what was said of it before is over. */
export async function letIn(tx: Tx, site: string, gateway: string): Promise<void> {
  await tx.query(
    `update gateway_access set shut_at = null, shut_by = null, shut_because = null, refused_at = null, refused_code = null, refused_because = null, refused_address = null,
            copied_at = null, copied = null where site_id = $1 and gateway_id = $2`,
    [site, gateway],
  )
}

export interface ShutOut { readonly byActor: string; readonly because: string; readonly sinceUs: number }

export async function findShutOut(tx: Tx, site: string, gateway: string): Promise<ShutOut | null> {
  const { rows } = await tx.query<{ shut_by: string; shut_because: string; shut_us: string }>(
    `select shut_by, shut_because, ${timestampToUs('shut_at')} as shut_us from gateway_access where site_id = $1 and gateway_id = $2 and shut_at is not null`, [site, gateway])
  return rows[0] ? { byActor: rows[0].shut_by, because: rows[0].shut_because, sinceUs: toUs(rows[0].shut_us) } : null
}

export interface Refusal { readonly code: string; readonly because: string; readonly address: string | null; readonly atUs: number }

/** Keeps why the gateway was turned away last; the same again within a minute is not written. */
export async function putRefusal(tx: Tx, site: string, gateway: string, { code, because, address, atUs }: Refusal): Promise<void> {
  await tx.query(
    `insert into gateway_access (site_id, gateway_id, refused_at, refused_code, refused_because, refused_address) values ($1, $2, ${usToTimestamp('$3')}, $4, $5, $6)
     on conflict (site_id, gateway_id) do update
        set refused_at = excluded.refused_at, refused_code = excluded.refused_code, refused_because = excluded.refused_because, refused_address = excluded.refused_address
      where gateway_access.refused_because is distinct from excluded.refused_because or gateway_access.refused_at is null
         or gateway_access.refused_at < excluded.refused_at - interval '1 minute'`,
    [site, gateway, atUs, code, because, address],
  )
}

/** Two sessions at work under one identity. */
export interface CopyNotice {
  readonly sessions: readonly { readonly epoch: string | null; readonly address: string; readonly fingerprint: string; readonly sinceUs: number }[]
}

/** Keeps that a gateway is there twice; says whether that is news (it was not known, or not for an hour). */
export async function putCopy(tx: Tx, site: string, gateway: string, notice: CopyNotice, atUs: number): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into gateway_access (site_id, gateway_id, copied_at, copied) values ($1, $2, ${usToTimestamp('$3')}, $4)
     on conflict (site_id, gateway_id) do update set copied_at = excluded.copied_at, copied = excluded.copied
      where gateway_access.copied_at is null or gateway_access.copied_at < excluded.copied_at - interval '1 hour'`,
    [site, gateway, atUs, JSON.stringify(notice)],
  )
  return rowCount === 1
}

export interface Access {
  readonly shut: ShutOut | null
  readonly refused: Refusal | null
  readonly copied: (CopyNotice & { readonly atUs: number }) | null
}

export async function findAccess(tx: Tx, site: string, gateway: string): Promise<Access> {
  const { rows } = await tx.query<{
    shut_us: string | null; shut_by: string; shut_because: string; refused_us: string | null; refused_code: string; refused_because: string; refused_address: string | null
    copied_us: string | null; copied: CopyNotice
  }>(
    `select ${timestampToUs('shut_at')} as shut_us, shut_by, shut_because, ${timestampToUs('refused_at')} as refused_us, refused_code, refused_because, refused_address,
            ${timestampToUs('copied_at')} as copied_us, copied from gateway_access where site_id = $1 and gateway_id = $2`, [site, gateway])
  const row = rows[0]
  if (!row) return { shut: null, refused: null, copied: null }
  const [shutUs = null, refusedUs = null, copiedUs = null] = [row.shut_us, row.refused_us, row.copied_us].map(toUsOrNull)
  return {
    shut: shutUs === null ? null : { byActor: row.shut_by, because: row.shut_because, sinceUs: shutUs },
    refused: refusedUs === null ? null : { code: row.refused_code, because: row.refused_because, address: row.refused_address, atUs: refusedUs },
    copied: copiedUs === null ? null : { ...row.copied, atUs: copiedUs },
  }
}

/**
 * One after another whoever changes what this gateway may show: to be asked for before anything is looked at, so that each
 * sees what the one before it left. Otherwise a renewal under way would outlive a revocation.
 */
export async function lockGateway(tx: Tx, site: string, gateway: string): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.gateway.' || $1 || '/' || $2, 0))", [site, gateway])
}
