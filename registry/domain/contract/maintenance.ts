import { z } from 'zod'
import { instantSchema, slugSchema } from './primitives.ts'

/**
 * What maintenance did or found: the source of labels, and what explains a stop. `failureMode` is an ISO 14224 Annex B
 * code where one fits (e.g. VIB vibration, BRD breakdown, OHE overheating, ELP external leakage – process medium).
 */
export const maintenanceEventSchema = z
  .object({
    asset: slugSchema,
    component: slugSchema.nullable().default(null),
    kind: z.enum(['stop', 'inspection', 'repair', 'replacement', 'failure']),
    start: instantSchema,
    end: instantSchema.nullable().default(null),
    failureMode: z.string().max(32).nullable().default(null),
    note: z.string().max(4000).default(''),
    workOrder: z.string().max(200).nullable().default(null),
  })
  .meta({ id: 'MaintenanceEvent' })
export type MaintenanceEvent = z.infer<typeof maintenanceEventSchema>

export const maintenanceEventExample: MaintenanceEvent = {
  asset: 'pump-1', component: 'bearing-de', kind: 'replacement', start: '2026-03-01T08:00:00Z', end: '2026-03-01T11:30:00Z',
  failureMode: 'VIB', note: 'Outer race spalled, replaced 6205.', workOrder: 'WO-1187',
}
