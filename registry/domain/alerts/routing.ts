import { z } from 'zod'

/**
 * How people are called about an alert, in wall time (ISA-18.2 knows the response time; the steps are ours). An alert
 * keeps the routing it was raised under: a policy change does not move the deadlines of what is already open.
 */
export const alertRoutingSchema = z
  .object({
    acknowledgeWithinS: z.number().positive().max(30 * 86_400).default(900)
      .describe('Wall seconds within which somebody must acknowledge before it escalates'),
    escalation: z.array(z.object({
      to: z.string().min(1).max(200).describe('Who is called, e.g. shift-lead; receivers route by it'),
      withinS: z.number().positive().max(30 * 86_400).describe('Wall seconds this step has before the next one'),
    })).max(10).default([{ to: 'shift-lead', withinS: 900 }, { to: 'owner', withinS: 3600 }]),
    autoCloseAfterS: z.number().nonnegative().max(365 * 86_400).default(3600)
      .describe('Wall seconds an acknowledged alert stays open after its signal returned to normal'),
  })
  .meta({ id: 'AlertRouting' })
export type AlertRouting = z.infer<typeof alertRoutingSchema>

export const defaultRouting: AlertRouting = alertRoutingSchema.parse({})
