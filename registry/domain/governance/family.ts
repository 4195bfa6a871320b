import { z } from 'zod'
import { rolesWith, type Role } from '../access/rights.ts'
import { alertCostsSchema } from '../evaluation/alert-cost.ts'
import { approvalFields, contradiction, spanSeconds, type GateRules } from '../gates/rules.ts'

/** What one kind of change must gather before it is put in force; a gate takes these rules along as it is opened. */
export const approvalRulesSchema = z
  .strictObject({ ...approvalFields, expiresAfterSeconds: spanSeconds.default(3 * 86_400).describe('Wall time') })
  .superRefine((rules, context) => {
    const late = rules.escalation.find((step) => step.afterSeconds >= rules.expiresAfterSeconds)
    const message = contradiction(rules) ?? (late && `the gate expires after ${rules.expiresAfterSeconds} s, before ${late.to} would be told (${late.afterSeconds} s): escalate earlier`)
    if (typeof message === 'string') context.addIssue({ code: 'custom', message })
  })
  .meta({ id: 'ApprovalRules' })
export type ApprovalRules = z.infer<typeof approvalRulesSchema>

/** Rules for changing these rules: never by one person alone, and an admin may help out where engineers are few. */
const changeRulesSchema = approvalRulesSchema
  .refine((rules) => rules.emergency === null, 'governance is not changed in an emergency: leave emergency out of change-governance')

/** Who may change what judges a family: data, so that each plant keeps its own rules. */
export const familyGovernanceSchema = z
  .strictObject({
    'promote-model': approvalRulesSchema.prefault({}),
    'approve-policy': approvalRulesSchema.prefault({}),
    'change-governance': changeRulesSchema.prefault({ roles: ['reliability-engineer', 'admin'] }).describe('Rules for changing any of this, and the owner'),
    alerts: z.strictObject({
      autoCloseAfterSeconds: z.number().int().min(0).max(365 * 86_400).default(3600)
        .describe('Wall seconds an acknowledged alert stays open after its signal returned to normal'),
    }).prefault({}),
    backTest: z.strictObject({
      days: z.number().int().min(1).max(3650).default(90).describe('Days of stored scores that a policy change is tried on, back from the newest'),
      costs: alertCostsSchema.prefault({}),
    }).prefault({}).describe('What the evidence of a policy change looks at'),
  })
  .meta({ id: 'FamilyGovernance' })
export type FamilyGovernance = z.infer<typeof familyGovernanceSchema>

export const defaultGovernance: FamilyGovernance = familyGovernanceSchema.parse({})

export type ReleaseGateKind = 'promote-model' | 'approve-policy'
export type GateKind = ReleaseGateKind | 'change-governance'
export const gateKinds = ['promote-model', 'approve-policy', 'change-governance'] as const satisfies readonly GateKind[]

/** A kind's rules as a gate that is opened now takes them along: its end is an instant. */
export function frozenRules({ expiresAfterSeconds, ...approvals }: ApprovalRules, nowUs: number): GateRules {
  return { ...approvals, expiresAtUs: Math.round(nowUs + expiresAfterSeconds * 1_000_000) }
}

/**
 * A role that the rules ask for although none of its holders may decide at a gate, and how to put that right; null when there
 * is none. Not a part of the schema: what was put in force before stays readable.
 */
export function undecidingRole(governance: Pick<FamilyGovernance, GateKind>): { kind: GateKind; role: Role; message: string } | null {
  const able = rolesWith('gate.decide')
  for (const kind of gateKinds) {
    const { roles, emergency } = governance[kind]
    for (const [field, asked] of [['roles', roles], ['emergency.roles', emergency?.roles ?? []]] as const) {
      const role = asked.find((one) => !able.includes(one))
      if (role !== undefined) {
        return { kind, role, message: `${kind}.${field} asks for ${role}, and that role decides at no gate: name ${able.join(', ')}, or give whoever should decide one of these roles too` }
      }
    }
  }
  return null
}

/** What becomes of gates that are open when other rules come into force: they keep theirs, or have to be asked for anew. */
export const openGatesSchema = z.enum(['keep', 'void'])
export type OpenGates = z.infer<typeof openGatesSchema>

/** What a version of a family's governance is named by. */
export interface GovernanceContent { readonly family: string; readonly version: number; readonly owner: string | null; readonly governance: FamilyGovernance }
