import { platformActor, type Actor } from '../../domain/access/rights.ts'
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

/** A change is asked for: told before there is evidence to decide on. The audit row is the verb's own. */
export async function tellRequested(tx: Tx, row: Pick<GateRow, 'site' | 'gateId'>, requestedBy: string, facts: Record<string, unknown>, nowUs: number): Promise<void> {
  const { site, gateId } = row
  await announce(tx, { site, id: `gate/${gateId}/requested`, type: 'gate.requested', atUs: nowUs, data: { gate: gateId, requestedBy, ...facts } })
}

/** A gate has its evidence, which decisions bind to from now on; the ledger keeps the rules it was opened with. */
export async function tellOpened(tx: Tx, opened: Opened, facts: Record<string, unknown>, nowUs: number): Promise<void> {
  const { site, gateId, kind, family, scope, rules, reason, requestedBy, authors, evidenceDigest, commitNumber } = opened
  const body = { gate: gateId, kind, family, scope, rules, requestedBy, authors: [...authors], evidenceDigest, commitNumber, ...facts }
  await appendLedger(tx, { site, kind: 'gate.opened', subject: `gate/${gateId}`, actor: platformActor('gates'), body })
  await announce(tx, { site, id: `gate/${gateId}/opened`, type: 'gate.opened', atUs: nowUs, data: { ...body, reason } })
}
interface Opened extends Pick<GateRow, 'site' | 'gateId' | 'kind' | 'family' | 'scope' | 'rules' | 'reason' | 'requestedBy' | 'authors'> {
  readonly evidenceDigest: string
  readonly commitNumber: number
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
