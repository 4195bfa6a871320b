import { z } from 'zod'
import { refuse } from '../errors.ts'
import { driftThresholdsSchema } from './verdict.ts'

/** A family's `drift` settings, all of them optional: how drift is judged, how often it is looked for, what follows. */
export const driftSettingsSchema = driftThresholdsSchema.extend({
  /** How many of the newest normal windows are compared with the reference. */
  recentWindows: z.int().min(8).max(100_000).default(500),
  /** Time between scheduled checks; 0 switches them off. */
  everySeconds: z.int().min(0).max(31 * 86_400).default(3600),
  /** Whether drift may start a retraining by itself. Its release still waits at a gate. */
  retrain: z.boolean().default(true),
  /** Least time between two retrainings that drift starts. */
  retrainAfterSeconds: z.int().min(0).default(86_400),
})
export type DriftSettings = z.infer<typeof driftSettingsSchema>

/** Settings as stored with the family, defaults filled in. Refuses (`unprocessable`) what does not fit. */
export function driftSettingsOf(family: string, stored: unknown): DriftSettings {
  const parsed = driftSettingsSchema.safeParse(stored)
  if (parsed.success) return parsed.data
  return refuse('unprocessable', `the drift settings of family ${family} do not fit: ${z.prettifyError(parsed.error)}; correct the family`, { family })
}
