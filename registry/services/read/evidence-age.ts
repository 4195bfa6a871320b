import { timestampToUs, toUsOrNull } from '../../store/sql-time.ts'
import type { Tx } from '../../store/transaction.ts'
import { iso } from './rows.ts'

const DAY_US = 86_400_000_000

/** How old what the approvers see is: new data does not void it, but they may want it computed anew. */
export interface EvidenceAge {
  readonly frozenAt: string
  /** Wall time, until now or until the gate was closed. */
  readonly days: number
  /** Batches committed since; null once the gate is closed. */
  readonly commitsBehind: number | null
}

/** Null before there is evidence, and for gates of before its time was noted. */
export async function evidenceAge(tx: Tx, gateId: string, nowUs: number): Promise<EvidenceAge | null> {
  const { rows } = await tx.query<{ at_us: string | null; closed_us: string | null; behind: string | null }>(
    `select ${timestampToUs('g.evidence_at')} as at_us, ${timestampToUs('g.closed_at')} as closed_us, s.last_commit - g.evidence_commit as behind
     from gate g join site s using (site_id) where g.gate_id = $1`, [gateId])
  const atUs = toUsOrNull(rows[0]?.at_us ?? null)
  if (rows[0] === undefined || atUs === null) return null
  const closedUs = toUsOrNull(rows[0].closed_us)
  return { frozenAt: iso(String(atUs)), days: Math.max(0, (closedUs ?? nowUs) - atUs) / DAY_US, commitsBehind: closedUs === null ? Number(rows[0].behind) : null }
}
