import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import type { EventType } from '../../domain/contract/bus-event.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { answerIncident, type IncidentAnswer, type IncidentState } from '../../domain/incidents/incident.ts'
import { recordAudit } from '../../store/audit.ts'
import { lockIncident, putAnswer } from '../../store/incidents.ts'
import { appendLedger, type LedgerKind } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { factsOf } from './facts.ts'

const one = { site: slugSchema, incident: z.uuid() }
const comment = z.string().trim().max(4000)

export const acknowledgeIncidentInput = z.object({ ...one, comment: comment.default('') })
export type AcknowledgeIncidentInput = z.infer<typeof acknowledgeIncidentInput>
export const closeIncidentInput = z.object({ ...one, comment: comment.min(1, 'say what was found').describe('What was found, and what was done about it; goes into the ledger') })
export type CloseIncidentInput = z.infer<typeof closeIncidentInput>

export interface IncidentAnswered {
  readonly incident: string
  readonly state: IncidentState
  /** It was so before. */
  readonly repeated: boolean
}

/** What audit, ledger and bus call it. */
const TOLD: Readonly<Record<IncidentAnswer['to'], { verb: string; kind: EventType & LedgerKind }>> = {
  acknowledged: { verb: 'acknowledge-incident', kind: 'incident.acknowledged' },
  closed: { verb: 'close-incident', kind: 'incident.closed' },
}

/** Somebody has it in hand; it stays open. Once more changes nothing. Refuses (`not_found`), and (`conflict`) one that is closed. */
export const acknowledgeIncident = (ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, input: AcknowledgeIncidentInput): Promise<IncidentAnswered> =>
  answer(ctx, actor, input, 'acknowledged')

/**
 * Ends it with what was found; a replay that fails again opens a new one. The same once more changes nothing. Refuses (`not_found`),
 * and (`conflict`) one that is closed with another finding or by somebody else, naming that.
 */
export const closeIncident = (ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, input: CloseIncidentInput): Promise<IncidentAnswered> =>
  answer(ctx, actor, input, 'closed')

async function answer(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, input: AcknowledgeIncidentInput, to: IncidentAnswer['to']): Promise<IncidentAnswered> {
  demand(actor, 'incident.answer', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = await lockIncident(tx, input.incident)
    const { incidentId, state, closed } = row
    const given = { to, by: actor.id, comment: input.comment }
    const result = answerIncident({ state, closed: closed && { ...closed, at: microsToIso(closed.atUs) } }, given)
    if (!result.ok) return refuse('conflict', result.message, { incident: incidentId, state })
    if (result.change === null) return { incident: incidentId, state, repeated: true }
    const nowUs = ctx.nowUs()
    await putAnswer(tx, incidentId, given, nowUs)
    const { verb, kind } = TOLD[to]
    const [subject, body] = [`incident/${incidentId}`, { ...factsOf(row), comment: input.comment, timesSeen: row.timesSeen, goodAgain: row.goodAgain }]
    await appendLedger(tx, { kind, subject, actor, body })
    await recordAudit(tx, { actor, verb, subject, detail: { comment: input.comment } })
    await announce(tx, { id: `${subject}/${to}`, type: kind, atUs: nowUs, data: { ...body, by: actor.id } })
    return { incident: incidentId, state: to, repeated: false }
  })
}
