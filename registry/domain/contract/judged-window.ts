import { z } from 'zod'
import { microsSchema, sha256Schema, slugSchema } from './primitives.ts'

/**
 * A window that a gateway judged by itself, as the platform holds it against its own judgement: who judged it, and what
 * came of it. Not the readings and features: the platform has those.
 */
export const judgedWindowSchema = z
  .object({
    asset: slugSchema,
    endUs: microsSchema.describe('End of the window: event time'),
    judgedUs: microsSchema.describe('Gateway clock'),
    release: z.object({ id: z.string().min(1).max(100), digest: sha256Schema }),
    issue: z.int().min(1).describe('Of the bundle that judged it'),
    featureSet: z.string().max(100).describe('name@version'),
    score: z.number().nullable(),
    confidence: z.number().nullable(),
    fired: slugSchema.nullable().describe('The rule in force with the highest severity'),
    decided: z.boolean().describe('false: it came behind a window that was decided already'),
    replay: z.enum(['exact', 'equivalent']).describe('How nearly the platform should come to the same figures'),
    tolerance: z.object({ relative: z.number().nonnegative(), absolute: z.number().nonnegative() }).nullable().describe('Of an equivalent one'),
  })
  .meta({ id: 'JudgedWindow' })
export type JudgedWindow = z.infer<typeof judgedWindowSchema>

export const judgedWindowExample: JudgedWindow = {
  asset: 'pump-1', endUs: 1_772_366_400_000_000, judgedUs: 1_772_366_401_200_000,
  release: { id: 'cooling-pumps-r4', digest: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9' }, issue: 118, featureSet: 'pump-basic@1',
  score: 3.42, confidence: 0.997, fired: 'anomaly', decided: true, replay: 'exact', tolerance: null,
}
