import type { Actor } from '../domain/access/rights.ts'
import type { Tx } from './transaction.ts'
import { writingSite } from './writing-site.ts'

export interface AuditEntry {
  readonly actor: Actor
  /** The verb's name as the service's file says it, e.g. `roll-back`. */
  readonly verb: string
  /** `kind/id` of what it was done to, e.g. `gate/5b0c…`. */
  readonly subject: string
  /** Plain JSON; never a secret, never readings. */
  readonly detail?: Record<string, unknown>
  readonly traceId?: string | null
  /** Needed only in a transaction that serves all sites. */
  readonly site?: string
}

/** One row in the verb's own transaction: what was done is audited, and what failed is not. */
export async function recordAudit(tx: Tx, entry: AuditEntry): Promise<void> {
  await recordNumberedAudit(tx, entry)
}

/** The same; gives the row's number, which grows with every row. */
export async function recordNumberedAudit(tx: Tx, entry: AuditEntry): Promise<number> {
  const { rows } = await tx.query<{ audit_id: string }>(
    'insert into audit_entry (site_id, actor_id, verb, subject, detail, trace_id) values ($1, $2, $3, $4, $5, $6) returning audit_id',
    [writingSite(tx, entry.site), entry.actor.id, entry.verb, entry.subject, JSON.stringify(entry.detail ?? {}), entry.traceId ?? null],
  )
  return Number(rows[0]?.audit_id)
}
