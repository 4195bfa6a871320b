import { z } from 'zod'
import { canonicalDigest } from '../canonical.ts'
import { slugSchema } from '../contract/primitives.ts'
import { severitySchema, type Severity } from '../contract/scored-event.ts'

const FEATURE_PREFIX = 'feature:'
const signalSchema = z.string().regex(
  /^(confidence|score|feature:.+)$/, 'a signal is "confidence", "score" or "feature:" and the name of a feature',
)
const delayUsSchema = z.int().min(0, 'a delay is event time in microseconds, 0 or more')

/**
 * `above`: raises while value ≥ raiseAt, clears while value < clearAt; `below`: raises while value ≤ raiseAt, clears
 * while value > clearAt. Between the two levels lies the deadband (ISA-18.2, hysteresis). Delays run on event time.
 */
export const ruleSchema = z.strictObject({
  id: slugSchema,
  signal: signalSchema,
  comparison: z.enum(['above', 'below']),
  raiseAt: z.number(),
  clearAt: z.number(),
  onDelayUs: delayUsSchema.default(0),
  offDelayUs: delayUsSchema.default(0),
  severity: severitySchema,
  /** Failure mode becoming likely, as an ISO 14224 code (e.g. `VIB`, `OHE`) or in words. */
  failureMode: z.string().min(1).max(200).optional(),
  recommendedAction: z.string().min(1).max(1000),
})
export type PolicyRule = z.infer<typeof ruleSchema>

const channelsSchema = z.array(z.string().min(1).max(200)).max(50).default([])

/** Who is told. All times here are wall time, counted from the moment the episode was raised. */
export const routingSchema = z.strictObject({
  channels: z.strictObject({
    low: channelsSchema, medium: channelsSchema, high: channelsSchema, urgent: channelsSchema,
  }),
  acknowledgeWithinSeconds: z.int().min(1),
  escalation: z.array(z.strictObject({ afterSeconds: z.int().min(1), to: z.string().min(1).max(200) })).max(20).default([]),
})
export type Routing = z.infer<typeof routingSchema>

/** A versioned alert policy: the rules that turn scores into decisions, and the way their alerts take. */
export const policySchema = z.strictObject({
  name: slugSchema,
  version: z.int().min(1),
  rules: z.array(ruleSchema).min(1).max(200),
  routing: routingSchema,
}).check((context) => {
  const refuseAt = (path: (string | number)[], message: string) =>
    context.issues.push({ code: 'custom', path, message, input: context.value })
  context.value.rules.forEach((rule, i) => {
    checkRule(rule, i, refuseAt)
    context.value.rules.slice(0, i).forEach((earlier, j) => checkPair(earlier, j, rule, i, refuseAt))
  })
  checkEscalation(context.value.routing, refuseAt)
})
export type Policy = z.infer<typeof policySchema>
export type PolicyInput = z.input<typeof policySchema>

/** SHA-256 hex of the canonical JSON of a parsed policy: what approvals bind to and releases name. */
export function policyDigest(policy: Policy): string {
  return canonicalDigest(policy)
}

/** The feature a rule watches, or undefined when it watches confidence or score. */
export function watchedFeature(rule: Pick<PolicyRule, 'signal'>): string | undefined {
  return rule.signal.startsWith(FEATURE_PREFIX) ? rule.signal.slice(FEATURE_PREFIX.length) : undefined
}

const SEVERITY_ORDER = { low: 0, medium: 1, high: 2, urgent: 3 } as const satisfies Record<Severity, number>

export function severityRank(severity: Severity): number {
  return SEVERITY_ORDER[severity]
}

type RefuseAt = (path: (string | number)[], message: string) => void

function checkRule(rule: PolicyRule, i: number, refuseAt: RefuseAt): void {
  const above = rule.comparison === 'above'
  if (above ? rule.clearAt >= rule.raiseAt : rule.clearAt <= rule.raiseAt) {
    refuseAt(['rules', i, 'clearAt'], `rule "${rule.id}" clears at ${rule.clearAt} but raises at ${rule.raiseAt}: `
      + `the clear level must lie on the safe side, so set clearAt ${above ? 'below' : 'above'} ${rule.raiseAt}`)
  }
  if (rule.signal !== 'confidence') return
  for (const level of ['raiseAt', 'clearAt'] as const) {
    if (rule[level] > 0 && rule[level] < 1) continue
    refuseAt(['rules', i, level], `rule "${rule.id}" puts ${level} of the confidence at ${rule[level]}, which no window can `
      + 'cross: a confidence lies strictly between 0 and 1, so choose a level such as 0.99')
  }
}

function checkPair(a: PolicyRule, j: number, b: PolicyRule, i: number, refuseAt: RefuseAt): void {
  if (a.id === b.id) {
    refuseAt(['rules', i, 'id'], `"${b.id}" is already the id of rules[${j}]; give each rule an id of its own`)
  }
  if (a.signal !== b.signal) return
  const [low, high] = [a, b].map((rule) => [rule.raiseAt, rule.clearAt].sort((x, y) => x - y))
    .sort((x, y) => (x[0] as number) - (y[0] as number)) as [number[], number[]]
  const overlap = (low[1] as number) > (high[0] as number)
  if (overlap && a.comparison === b.comparison) {
    refuseAt(['rules', i], `the band ${band(b)} of rule "${b.id}" overlaps ${band(a)} of rules[${j}] ("${a.id}") on the same `
      + `signal "${b.signal}", so both would raise and clear together; move one band clear of the other, or keep one rule`)
  }
  if (a.comparison !== b.comparison) {
    const [above, below] = a.comparison === 'above' ? [a, b] : [b, a]
    if (below.clearAt > above.clearAt) {
      refuseAt(['rules', i], `rules "${below.id}" (below, band ${band(below)}) and "${above.id}" (above, band ${band(above)}) on `
        + `signal "${b.signal}" leave no value that clears both; set the clear level of "${below.id}" at or under ${above.clearAt}`)
    }
  }
}

function checkEscalation(routing: Routing, refuseAt: RefuseAt): void {
  routing.escalation.forEach((step, i) => {
    const before = i === 0 ? routing.acknowledgeWithinSeconds : (routing.escalation[i - 1]?.afterSeconds ?? 0) + 1
    if (step.afterSeconds >= before) return
    refuseAt(['routing', 'escalation', i, 'afterSeconds'], i === 0
      ? `the first escalation comes after ${step.afterSeconds} s, before the ${before} s given to acknowledge; `
        + `set it to ${before} or later`
      : `escalation steps must come one after the other; set afterSeconds to ${before} or later`)
  })
}

function band(rule: PolicyRule): string {
  return `${Math.min(rule.raiseAt, rule.clearAt)}–${Math.max(rule.raiseAt, rule.clearAt)}`
}
