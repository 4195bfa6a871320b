import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { canonicalDigest } from '../../domain/canonical.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { refuse } from '../../domain/errors.ts'
import { levelForLead, levelForLoad, tradeOff, withLevels, type TradeOffPoint } from '../../domain/evaluation/trade-off.ts'
import type { Policy, PolicyRule } from '../../domain/policy/policy.ts'
import { currentAssignment, lockSeat, type Seat } from '../../store/assignments.ts'
import { newestPolicy } from '../../store/policies.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { createReleaseIn } from '../create-release.ts'
import { readJudgedFamily, type JudgedFamily, type SliceView } from './judged-family.ts'
import { backTestDaysSchema, sliceView } from './preview-policy.ts'
import { proposePolicyIn } from '../propose-policy.ts'
import { requestPromotionIn, scopeSchema } from '../gates/request-promotion.ts'

export const suggestPolicyInput = z.object({
  site: slugSchema,
  family: slugSchema,
  scope: scopeSchema.optional().describe('Absent: the whole family'),
  rule: slugSchema.optional().describe('Whose levels are sought; absent: the only one that watches confidence or score'),
  alertsPerDay: z.number().min(0).max(1e6).optional().describe('Wanted: at most so many alerts a day, of all machines and rules together'),
  leadHours: z.number().gt(0).max(168).optional().describe('Wanted: recorded failures announced so many hours before'),
  days: backTestDaysSchema,
  propose: z.boolean().default(true).describe('False: only tell; nothing is registered and no gate is opened'),
})
export type SuggestPolicyInput = z.infer<typeof suggestPolicyInput>

export interface SuggestedPolicy {
  readonly family: string
  readonly release: string
  readonly slice: SliceView
  readonly rule: string
  readonly before: { readonly raiseAt: number; readonly clearAt: number }
  readonly chosen: TradeOffPoint
  /** Everything that was tried, most sensitive first. */
  readonly tradeOff: readonly TradeOffPoint[]
  /** What waits for approval now; null where nothing was to be proposed, or the levels in force are the ones. */
  readonly proposal: { readonly policyVersion: number; readonly release: string; readonly gate: string } | null
}

/**
 * Seeks levels for a wanted alert load or lead time by trying them on stored scores, and asks for them: a policy, a
 * release of the model in force with it, and a gate. Nothing changes before that gate is approved; the evidence is
 * computed there anew. Refuses as `readJudgedFamily` does, (`ambiguous`) when it is not clear which rule is meant, and
 * (`insufficient_data`) what no level gives.
 */
export async function suggestPolicy(ctx: ServiceContext, actor: Actor, input: SuggestPolicyInput): Promise<SuggestedPolicy> {
  demand(actor, 'policy.write', input.site)
  const { alertsPerDay, leadHours, propose } = input
  if ((alertsPerDay === undefined) === (leadHours === undefined)) {
    refuse('invalid', 'say what is wanted: either alertsPerDay, the most alerts a day, or leadHours, the hours a failure is to be announced before')
  }
  const judged = await inSite(ctx.pool, input.site, (tx) => readJudgedFamily(tx, input), { snapshot: true })
  const { release: { policy, releaseId }, series, failures, context: { span } } = judged
  const rule = ruleSought(policy, input.rule)
  const points = tradeOff({ series, policy, rule, failures, span, leadHours: leadHours ?? null })
  const chosen = alertsPerDay === undefined ? levelForLead(points, leadHours as number) : levelForLoad(points, alertsPerDay)
  const same = chosen.raiseAt === rule.raiseAt && chosen.clearAt === rule.clearAt
  const wanted = alertsPerDay === undefined ? `recorded failures announced ${leadHours} hours before` : `at most ${alertsPerDay} alerts a day`
  return {
    family: input.family, release: releaseId, slice: sliceView(judged), rule: rule.id, before: { raiseAt: rule.raiseAt, clearAt: rule.clearAt }, chosen, tradeOff: points,
    proposal: !propose || same ? null : await ask(ctx, actor, input, judged, withLevels(policy, rule.id, chosen),
      `Suggested for ${wanted}: ${rule.id} raises at ${chosen.raiseAt} instead of ${rule.raiseAt}, clears at ${chosen.clearAt}`),
  }
}

function ruleSought({ rules }: Policy, id: string | undefined): PolicyRule {
  const names = rules.map((rule) => rule.id).join(', ')
  if (id !== undefined) return rules.find((rule) => rule.id === id) ?? refuse('not_found', `the policy in force has no rule ${id}; it has ${names}`, { rule: id })
  const judging = rules.filter(({ signal }) => signal === 'confidence' || signal === 'score')
  const [only, another] = judging.length > 0 ? judging : rules
  if (only === undefined || another !== undefined) refuse('ambiguous', `the policy in force has several rules; name the one whose levels are sought: ${names}`, { rules: rules.map((rule) => rule.id) })
  return only
}

/** Asked for again before it was decided on, the suggestion is the version that waits already. */
function nextVersion(policy: Policy, newest: Policy | undefined): Policy {
  const version = newest?.version ?? 0
  const again = newest !== undefined && canonicalDigest({ ...newest, version: 0 }) === canonicalDigest({ ...policy, version: 0 })
  return { ...policy, version: again ? version : version + 1 }
}

/**
 * Policy, release and gate in one transaction, each with its audit and ledger row: all are there, or none. Refuses (`stale_state`)
 * where another release is in force by now than the one that was tried.
 */
async function ask(
  ctx: ServiceContext, actor: Actor, { site, family }: SuggestPolicyInput, { release: { model, releaseRef, releaseId }, scope }: JudgedFamily, policy: Policy, reason: string,
): Promise<SuggestedPolicy['proposal']> {
  demand(actor, 'gate.request', site)
  return inSite(ctx.pool, site, async (tx) => {
    const seat: Seat = { site, family, role: 'champion', scope }
    await lockSeat(tx, seat)
    const current = await currentAssignment(tx, seat)
    if (current?.releaseRef !== releaseRef) {
      refuse('stale_state', `${current?.release ?? 'nothing'} is in force by now, and the levels were tried on ${releaseId}; ask again`, { release: current?.release ?? null })
    }
    const definition = nextVersion(policy, await newestPolicy(tx, family))
    await proposePolicyIn(tx, actor, { site, family, definition }, ctx.nowUs())
    const { releaseId: proposed } = await createReleaseIn(tx, actor, { site, model: { name: model.name, version: model.version }, policyVersion: definition.version })
    const { gate } = await requestPromotionIn(tx, actor, { site, release: proposed, role: 'champion', scope, reason }, ctx.nowUs())
    return { policyVersion: definition.version, release: proposed, gate }
  })
}
