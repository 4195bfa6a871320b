import type { Actor } from '../../domain/access/rights.ts'
import type { EventType } from '../../domain/contract/bus-event.ts'
import { recordAudit } from '../../store/audit.ts'
import type { GateRow } from '../../store/gates.ts'
import { appendLedger, type LedgerKind } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import type { Tx } from '../../store/transaction.ts'

export interface GateNote {
  /** The verb, as audit knows it. */
  readonly verb: string
  /** What ledger and events call it. */
  readonly kind: LedgerKind & EventType & `gate.${string}`
  /** Unique within the gate: telling it twice tells it once. */
  readonly key: string
  readonly body: Record<string, unknown>
  readonly nowUs: number
}

/** What somebody did at a gate: audit, ledger and event in one. */
export async function tellGate(tx: Tx, row: Pick<GateRow, 'site' | 'gateId' | 'family' | 'kind'>, actor: Actor, note: GateNote): Promise<void> {
  const { site, gateId } = row
  const subject = `gate/${gateId}`
  const body = { gate: gateId, ...note.body }
  await recordAudit(tx, { site, actor, verb: note.verb, subject, detail: body })
  await appendLedger(tx, { site, kind: note.kind, subject, actor, body })
  await announce(tx, { site, id: `${subject}/${note.key}`, type: note.kind, atUs: note.nowUs, data: { ...body, by: actor.id, family: row.family, kind: row.kind } })
}
