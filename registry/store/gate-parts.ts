import type { Role } from '../domain/access/rights.ts'
import type { Gate, Question, Review, Reviewer } from '../domain/gates/gate.ts'
import type { GateRow } from './gates.ts'
import { timestampToUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** What people did at a gate, beside its row: decisions, the thread, reviewers. */
export interface GateParts {
  readonly decisions: readonly DecisionPart[]
  readonly messages: readonly MessagePart[]
  readonly reviewers: readonly (Reviewer & { readonly addedBy: string; readonly atUs: number })[]
}

export type DecisionStage = 'decision' | 'emergency' | 'review'
export interface DecisionPart {
  readonly by: string
  readonly onBehalfOf: string | null
  readonly roles: Role[]
  readonly stage: DecisionStage
  readonly verdict: 'approve' | 'reject'
  readonly evidenceDigest: string
  readonly comment: string
  readonly atUs: number
}

export type MessageKind = 'comment' | 'changes-asked' | 'answer'
export interface MessagePart { readonly kind: MessageKind; readonly by: string; readonly onBehalfOf: string | null; readonly text: string; readonly atUs: number }

/** SQL for {@link GateParts} of the gate `g`, as JSON in one column, so that a page of gates is one query. */
export const partsOf = `jsonb_build_object(
  'decisions', (select coalesce(jsonb_agg(jsonb_build_object('by', d.actor_id, 'onBehalfOf', d.on_behalf_of, 'roles', d.actor_roles, 'stage', d.stage,
      'verdict', d.verdict, 'evidenceDigest', d.evidence_digest, 'comment', d.comment, 'atUs', ${timestampToUs('d.decided_at')}) order by d.gate_decision_id), '[]')
    from gate_decision d where d.gate_id = g.gate_id),
  'messages', (select coalesce(jsonb_agg(jsonb_build_object('kind', m.kind, 'by', m.actor_id, 'onBehalfOf', m.on_behalf_of, 'text', m.body,
      'atUs', ${timestampToUs('m.written_at')}) order by m.gate_message_id), '[]')
    from gate_message m where m.gate_id = g.gate_id),
  'reviewers', (select coalesce(jsonb_agg(jsonb_build_object('id', v.actor_id, 'required', v.required, 'addedBy', v.added_by,
      'atUs', ${timestampToUs('v.added_at')}) order by v.added_at, v.actor_id), '[]')
    from gate_reviewer v where v.gate_id = g.gate_id))`

export async function readParts(tx: Tx, gateId: string): Promise<GateParts> {
  const { rows } = await tx.query<{ parts: GateParts }>(`select ${partsOf} as parts from gate g where g.gate_id = $1`, [gateId])
  // The caller has read the gate.
  return (rows[0] as { parts: GateParts }).parts
}

/** The pure machine's view of a gate; one that still collects its evidence is open to it. */
export function toMachine(row: GateRow, { decisions, messages, reviewers }: GateParts, owners: readonly string[]): Gate {
  const rejection = decisions.find(({ stage, verdict }) => stage === 'decision' && verdict === 'reject')
  const alone = decisions.find(({ stage }) => stage === 'emergency')
  const answers = messages.filter(({ kind }) => kind === 'answer')
  const lastAnswer = messages.findLastIndex(({ kind }) => kind === 'answer')
  const questions: Question[] = messages.slice(lastAnswer + 1).filter(({ kind }) => kind === 'changes-asked').map(({ by, text, atUs }) => ({ by, text, atUs }))
  const answered = answers.at(-1)?.text
  return {
    state: row.state === 'collecting' ? 'open' : row.state,
    rules: row.rules,
    evidenceDigest: row.evidenceDigest ?? '',
    requestedBy: row.requestedBy,
    authors: [...row.authors],
    owners: [...owners],
    approvals: decisions.filter(({ stage, verdict }) => stage !== 'emergency' && verdict === 'approve')
      .map(({ by, onBehalfOf, roles, evidenceDigest }) => ({ by, onBehalfOf, roles, evidenceDigest })),
    reviewers: reviewers.map(({ id, required }) => ({ id, required })),
    questions,
    ...(answered !== undefined && { answered }),
    ...(alone && { emergency: { by: alone.by, reason: alone.comment, evidenceDigest: alone.evidenceDigest, atUs: alone.atUs } }),
    ...(row.review && { review: reviewOf(row.review, decisions) }),
    ...(rejection && { rejectedBy: rejection.by }),
    ...(row.closedUs !== null && { closedUs: row.closedUs }),
    ...(row.closedBecause !== null && { closedBecause: row.closedBecause }),
  }
}

function reviewOf({ state, dueUs, endedUs, because }: NonNullable<GateRow['review']>, decisions: readonly DecisionPart[]): Review {
  const by = state === 'due' ? undefined : decisions.findLast(({ stage }) => stage === 'review')?.by
  return { state, dueUs, ...(by !== undefined && { by }), ...(because !== null && { because }), ...(endedUs !== null && { endedUs }) }
}

export async function insertDecision(tx: Tx, decision: {
  site: string; gateId: string; actorId: string; onBehalfOf: string | null; roles: readonly Role[]; stage: DecisionStage
  verdict: 'approve' | 'reject'; evidenceDigest: string; comment: string; nowUs: number
}): Promise<void> {
  await tx.query(
    `insert into gate_decision (site_id, gate_id, actor_id, on_behalf_of, actor_roles, stage, verdict, evidence_digest, comment, decided_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, ${usToTimestamp('$10')})`,
    [decision.site, decision.gateId, decision.actorId, decision.onBehalfOf, decision.roles, decision.stage, decision.verdict, decision.evidenceDigest,
      decision.comment, decision.nowUs],
  )
}

/** Adds to the thread; gives the message's number. */
export async function insertMessage(tx: Tx, message: {
  site: string; gateId: string; kind: MessageKind; actorId: string; onBehalfOf: string | null; text: string; nowUs: number
}): Promise<number> {
  const { rows } = await tx.query<{ id: string }>(
    `insert into gate_message (site_id, gate_id, kind, actor_id, on_behalf_of, body, written_at)
     values ($1, $2, $3, $4, $5, $6, ${usToTimestamp('$7')}) returning gate_message_id as id`,
    [message.site, message.gateId, message.kind, message.actorId, message.onBehalfOf, message.text, message.nowUs],
  )
  return Number((rows[0] as { id: string }).id)
}

/** Names a reviewer, or makes a named one's approval required. */
export async function putReviewer(tx: Tx, reviewer: { site: string; gateId: string; actorId: string; required: boolean; addedBy: string; nowUs: number }): Promise<void> {
  await tx.query(
    `insert into gate_reviewer (site_id, gate_id, actor_id, required, added_by, added_at) values ($1, $2, $3, $4, $5, ${usToTimestamp('$6')})
     on conflict (gate_id, actor_id) do update set required = gate_reviewer.required or excluded.required`,
    [reviewer.site, reviewer.gateId, reviewer.actorId, reviewer.required, reviewer.addedBy, reviewer.nowUs],
  )
}

/** A gate that takes another's place gets its reviewers, and its thread as it is. */
export async function takeTalkAlong(tx: Tx, fromGateId: string, toGateId: string): Promise<void> {
  await tx.query(
    `insert into gate_reviewer (gate_id, site_id, actor_id, required, added_by, added_at)
     select $2, site_id, actor_id, required, added_by, added_at from gate_reviewer where gate_id = $1`, [fromGateId, toGateId])
  await tx.query(
    `insert into gate_message (site_id, gate_id, kind, actor_id, on_behalf_of, body, written_at)
     select site_id, $2, kind, actor_id, on_behalf_of, body, written_at from gate_message where gate_id = $1 order by gate_message_id`, [fromGateId, toGateId])
}
