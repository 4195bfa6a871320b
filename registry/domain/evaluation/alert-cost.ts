import { z } from 'zod'
import type { LeadTimeReport } from './lead-time.ts'

const HOUR_US = 3_600_000_000

/** What things cost a family, as its people say; nothing is computed from what nobody stated. */
export const alertCostsSchema = z.strictObject({
  currency: z.string().min(1).max(12).nullable().default(null).describe('e.g. EUR; a word beside the figures'),
  falseAlert: z.number().min(0).nullable().default(null).describe('Cost of following an alert without a failure; null: not computed'),
  missedFailure: z.number().min(0).nullable().default(null).describe('Cost of a failure that no alert spoke of; null: not computed'),
  leadHour: z.number().min(0).nullable().default(null).describe('Worth of an hour of warning before a failure; null: not computed'),
})
export type AlertCosts = z.infer<typeof alertCostsSchema>

/** Null where the family states no figure for it. */
export interface AlertCost {
  readonly falseAlerts: number | null
  readonly missedFailures: number | null
  /** Taken off the total. */
  readonly leadTime: number | null
  readonly total: number
}

/**
 * falseAlert × false episodes + missedFailure × missed failures − leadHour × hours of lead, of what the family states. Null
 * where it states nothing, or where no recorded failure says which alerts were false.
 */
export function alertCost(costs: AlertCosts, report: LeadTimeReport | null): AlertCost | null {
  if (report === null || [costs.falseAlert, costs.missedFailure, costs.leadHour].every((figure) => figure === null)) return null
  const leadHours = report.outcomes.reduce((sum, { leadUs }) => sum + (leadUs ?? 0), 0) / HOUR_US
  const times = (cost: number | null, count: number) => (cost === null ? null : cost * count)
  const parts = { falseAlerts: times(costs.falseAlert, report.falseEpisodes), missedFailures: times(costs.missedFailure, report.missed), leadTime: times(costs.leadHour, leadHours) }
  return { ...parts, total: (parts.falseAlerts ?? 0) + (parts.missedFailures ?? 0) - (parts.leadTime ?? 0) }
}
