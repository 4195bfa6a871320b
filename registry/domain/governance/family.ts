import { z } from 'zod'
import { roles } from '../access/rights.ts'
import { alertCostsSchema } from '../evaluation/alert-cost.ts'

/** What one kind of change must gather before it is put in force; a gate takes these rules along as it is opened. */
export const approvalRulesSchema = z
  .strictObject({
    requiredApprovals: z.number().int().min(1).max(20).default(1),
    roles: z.array(z.enum(roles)).min(1).default(['reliability-engineer']).describe('An approver holds at least one of these'),
    ownerMustApprove: z.boolean().default(false).describe('The family’s owner must be among the approvers'),
    expiresAfterSeconds: z.number().int().min(1).max(90 * 86_400).default(3 * 86_400).describe('Wall time'),
    remindEverySeconds: z.number().int().min(1).max(90 * 86_400).nullable().default(86_400)
      .describe('Wall seconds after which those who may approve are reminded, and again; null: never'),
  })
  .meta({ id: 'ApprovalRules' })
export type ApprovalRules = z.infer<typeof approvalRulesSchema>

/** Who may change what judges a family: data, so that each plant keeps its own rules. */
export const familyGovernanceSchema = z
  .strictObject({
    'promote-model': approvalRulesSchema.prefault({}),
    'approve-policy': approvalRulesSchema.prefault({}),
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

export type GateKind = 'promote-model' | 'approve-policy'
