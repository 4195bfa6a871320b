import type { Actor } from '../domain/access/rights.ts'
import { canonicalJson } from '../domain/canonical.ts'
import type { Tx } from './transaction.ts'
import { writingSite } from './writing-site.ts'

/** What the ledger keeps: every change of what judges the machines, and of who may change it; and where what is stored was found not to be as it was judged. */
export type LedgerKind =
  | 'gate.opened' | 'gate.decided' | 'gate.closed' | 'gate.emergency-approved' | 'gate.reviewed' | 'gate.review-overdue' | 'gate.escalated'
  | 'gate.changes-asked' | 'gate.answered' | 'gate.commented' | 'gate.reviewer-added' | 'delegation.made' | 'delegation.revoked'
  | 'assignment.switched' | 'assignment.rolled-back' | 'rescore.asked' | 'rescore.ended'
  | 'rollout.started' | 'rollout.advanced' | 'rollout.completed' | 'rollout.stopped' | 'rollout.rolled-back' | 'rollout.superseded'
  | 'incident.opened' | 'incident.acknowledged' | 'incident.closed'
  | 'family.changed' | 'family.governance-changed' | 'governance.proposed' | 'policy.proposed' | 'model.registered' | 'release.made'
  | 'actor.changed' | 'api-key.issued' | 'api-key.revoked'
  | 'gateway.enrolment-made' | 'gateway.enrolled' | 'gateway.revoked' | 'gateway-ca.rotated'

export interface LedgerDraft {
  readonly kind: LedgerKind
  /** `kind/id`, e.g. `release/cooling-pumps-r4`. */
  readonly subject: string
  readonly actor: Actor
  /** Plain JSON, stored as its canonical text: that text is what the sealer hashes. */
  readonly body: Record<string, unknown>
  /** Needed only in a transaction that serves all sites. */
  readonly site?: string
}

/**
 * Appends to the site's ledger in the verb's own transaction. The entry gets its place and its hash later, from the
 * sealer, so that verbs never wait for each other here. Gives the entry's id.
 */
export async function appendLedger(tx: Tx, draft: LedgerDraft): Promise<string> {
  const { rows } = await tx.query<{ entry_id: string }>(
    'insert into ledger_entry (site_id, kind, subject, actor_id, body) values ($1, $2, $3, $4, $5) returning entry_id',
    [writingSite(tx, draft.site), draft.kind, draft.subject, draft.actor.id, canonicalJson(draft.body)],
  )
  // RETURNING of a single insert gives one row.
  return (rows[0] as { entry_id: string }).entry_id
}
