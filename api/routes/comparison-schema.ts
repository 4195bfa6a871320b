import { z } from 'zod'

const count = z.number().int()
const links = { score: z.string().nullable().describe('Stored score that raises it'), alert: z.string().nullable().describe('Stored alert that it opened or joined') }
const change = { asset: z.string(), rule: z.string(), raised: z.string(), cleared: z.string().nullable(), ...links }
const outcome = z.object({ outcome: z.enum(['caught', 'late', 'missed']), leadHours: z.number().nullable() })
const failureCounts = z.object({ caught: count, late: count, missed: count, falseEpisodes: count })
const labels = z.object({ spans: count, before: count, after: count })
const load = z.object({ alerts: count, perDay: z.number(), busiestDay: count })
const cost = z.object({ falseAlerts: z.number().nullable(), missedFailures: z.number().nullable(), leadTime: z.number().nullable(), total: z.number() })

/** What another policy would have changed; docs/back-test.md says what each figure means. */
export const comparisonSchema = z
  .object({
    alerts: z.object({ before: count, after: count, kept: count, moved: count, gained: count, lost: count }),
    gained: z.array(z.object(change)),
    lost: z.array(z.object(change)),
    moved: z.array(z.object({ ...change, before: z.string(), shiftSeconds: z.number().describe('Below 0: earlier') })),
    failures: z.object({
      recorded: count, before: failureCounts, after: failureCounts, leadHoursWon: z.number(), leadHoursLost: z.number(),
      each: z.array(z.object({ asset: z.string(), at: z.string(), before: outcome, after: outcome, leadHoursWon: z.number() })),
    }).nullable().describe('Null: no failure was recorded in the slice'),
    labels: z.object({ faulty: labels, normal: labels }).describe('Accepted labels, and in how many of their spans an alert was open'),
    load: z.array(z.object({ owner: z.string().nullable(), before: load, after: load, days: z.array(z.object({ day: z.string(), before: count, after: count })) })),
    cost: z.object({ currency: z.string().nullable(), before: cost, after: cost, change: z.number() }).nullable().describe('Null: the family states no cost, or no failure was recorded'),
  })
  .meta({ id: 'PolicyComparison' })

export const sliceSchema = z.object({ from: z.string(), to: z.string(), assets: z.array(z.string()), windows: count })

export const tradeOffSchema = z
  .object({
    raiseAt: z.number(), clearAt: z.number(), alerts: count, alertsPerDay: z.number(), caught: count.nullable(), late: count.nullable(), missed: count.nullable(),
    falseEpisodes: count.nullable(), medianLeadHours: z.number().nullable(), inTime: count.nullable().describe('Failures with at least the wanted lead'),
  })
  .meta({ id: 'TradeOffPoint' })
