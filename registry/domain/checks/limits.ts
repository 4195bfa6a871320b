import { z } from 'zod'

/** What a tag's readings are held against, at the edge and again where they land; in the canonical unit and in seconds. */
export const tagChecksSchema = z
  .strictObject({
    range: z.strictObject({ low: z.number(), high: z.number() }).refine(({ low, high }) => low < high, { error: 'low must be below high' }).optional(),
    maxRatePerSec: z.number().positive().optional().describe('Fastest change the machine can make, per second'),
    flatlineAfterSeconds: z.number().positive().optional().describe('The same value for so long is a stuck sensor'),
    everySeconds: z.number().positive().optional().describe('Regular sampling interval; readings more than a fifth off, on average, are skewed'),
    missingAfterSeconds: z.number().positive().optional().describe('Silence for so long is a gap'),
  })
  .meta({ id: 'TagChecks' })
export type TagChecks = z.infer<typeof tagChecksSchema>
