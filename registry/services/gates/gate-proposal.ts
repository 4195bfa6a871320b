import { findRelease } from '../../store/assignments.ts'
import type { GateRow } from '../../store/gates.ts'
import type { Tx } from '../../store/transaction.ts'

/** What a gate would put in force, as ledger and events name it. */
export interface Proposal { readonly release: string | null; readonly role: string | null; readonly governanceVersion: number | null }

export async function proposalOf(tx: Tx, row: GateRow): Promise<Proposal> {
  if (row.kind === 'change-governance') return { release: null, role: null, governanceVersion: row.governanceVersion }
  return { release: (await findRelease(tx, row.site, { releaseRef: row.releaseRef }))?.release ?? null, role: row.role, governanceVersion: null }
}
