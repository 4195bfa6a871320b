import { z } from 'zod'
import { roles, type Role } from '../access/rights.ts'

/** Wall seconds; a quarter of a year at the most. */
export const spanSeconds = z.number().int().min(1).max(90 * 86_400)
const manyRoles = z.array(z.enum(roles)).min(1)

export const escalationStepSchema = z
  .strictObject({
    afterSeconds: spanSeconds.describe('Wall seconds since the change was asked for; computing evidence anew does not start them again'),
    to: z.string().min(1).max(200).describe('Who is told next: a person, a shift, a channel'),
  })
  .meta({ id: 'GateEscalationStep' })

export const emergencyRulesSchema = z
  .strictObject({
    roles: manyRoles.describe('Who may approve alone in an emergency'),
    reviewWithinSeconds: spanSeconds.default(86_400).describe('Wall seconds in which the normal approvers review it afterwards'),
  })
  .meta({ id: 'EmergencyRules' })

/** What rules of a family and rules of a gate have in common: a gate takes these along as it is opened. */
export const approvalFields = {
  requiredApprovals: z.number().int().min(1).max(20).default(1).describe('Different people'),
  roles: manyRoles.default(['reliability-engineer']).describe('An approver holds at least one of these'),
  perRole: z.partialRecord(z.enum(roles), z.number().int().min(1).max(20)).default({})
    .describe('So many of the approvals come from holders of that role; an approval counts for one role'),
  ownerMustApprove: z.boolean().default(false).describe('The family’s owner must be among the approvers'),
  remindEverySeconds: spanSeconds.nullable().default(86_400)
    .describe('Wall seconds after which those who may approve are reminded, and again; null: never'),
  escalation: z.array(escalationStepSchema).max(10).default([]).describe('Who is told when approvals are still missing; ever later steps'),
  emergency: emergencyRulesSchema.nullable().default(null).describe('One approver with a declared reason, reviewed afterwards; null: no such way'),
} as const

/** Who must agree, frozen with the gate. Times are wall time in UTC microseconds. Gates of earlier versions lack what has a default. */
export const gateRulesSchema = z.strictObject({ ...approvalFields, expiresAtUs: z.int() })
export type GateRules = z.infer<typeof gateRulesSchema>

type Wanted = Pick<GateRules, 'requiredApprovals' | 'roles' | 'perRole' | 'escalation'>

/** `perRole` as pairs, in the order of the roles. */
export const seatsOf = ({ perRole }: Pick<GateRules, 'perRole'>): [Role, number][] =>
  roles.flatMap((role) => (perRole[role] === undefined ? [] : [[role, perRole[role]] as [Role, number]]))

/** What in the rules contradicts itself, said so that it can be put right; null when nothing does. */
export function contradiction(rules: Wanted): string | null {
  const seats = seatsOf(rules)
  const stranger = seats.find(([role]) => !rules.roles.includes(role))
  if (stranger) return `perRole asks for ${stranger[0]}, which roles does not name: add it to roles`
  const sum = seats.reduce((total, [, count]) => total + count, 0)
  if (sum > rules.requiredApprovals) return `perRole asks for ${sum} approvals in all, requiredApprovals for ${rules.requiredApprovals}: raise it to ${sum}`
  const early = rules.escalation.findIndex((step, i) => i > 0 && step.afterSeconds <= (rules.escalation[i - 1]?.afterSeconds ?? 0))
  return early < 0 ? null : `escalation step ${early + 1} does not come after the one before it: give the steps in the order of their afterSeconds`
}
