import { z } from 'zod'
import { instantSchema, sha256Schema, slugSchema, tagKeySchema, traceIdSchema } from './primitives.ts'

/** An interval of event time [start, end) over which features are computed; a late reading makes a new revision. */
export const windowSchema = z
  .object({
    asset: slugSchema,
    featureSet: z.string().describe('name@version'),
    start: instantSchema,
    end: instantSchema,
    revision: z.number().int().min(0),
    lane: z.enum(['live', 'backfill']),
  })
  .meta({ id: 'Window' })

export const severitySchema = z.enum(['low', 'medium', 'high', 'urgent'])
export type Severity = z.infer<typeof severitySchema>

/** The rule that fired, with the numbers it fired on. */
export const firedRuleSchema = z
  .object({
    id: z.string(),
    signal: z.string(),
    value: z.number(),
    raiseAt: z.number(),
    clearAt: z.number(),
    since: instantSchema,
  })
  .meta({ id: 'FiredRule' })

/** What leaves the platform for every scored window. */
export const scoredEventSchema = z
  .object({
    contract: z.literal(1),
    id: z.string().describe('Score id; `twinward replay <id>` recomputes it'),
    site: slugSchema,
    asset: slugSchema,
    sensors: z.array(tagKeySchema),
    window: windowSchema,
    sourceTime: instantSchema.describe('Source time of the newest reading used'),
    ingestTime: instantSchema.describe('When the newest batch used reached the landing zone'),
    commitNumber: z.number().int().min(1),
    featureSet: z.object({ name: z.string(), version: z.number().int(), digest: sha256Schema }),
    model: z.object({ name: z.string(), version: z.number().int() }),
    release: z.string(),
    role: z.enum(['champion', 'challenger', 'shadow']),
    score: z.number(),
    confidence: z.number().min(0).max(1),
    rule: firedRuleSchema.nullable(),
    severity: severitySchema.nullable(),
    recommendedAction: z.string().nullable(),
    traceId: traceIdSchema,
  })
  .meta({ id: 'ScoredEvent' })
export type ScoredEvent = z.infer<typeof scoredEventSchema>

export const scoredEventExample: ScoredEvent = {
  contract: 1,
  id: '18042',
  site: 'hamburg',
  asset: 'pump-1',
  sensors: ['pump-1/vibration-de', 'pump-1/motor-temp'],
  window: { asset: 'pump-1', featureSet: 'pump-condition@1', start: '2026-03-01T11:59:00Z', end: '2026-03-01T12:00:00Z', revision: 0, lane: 'live' },
  sourceTime: '2026-03-01T11:59:59Z',
  ingestTime: '2026-03-01T12:00:01.250Z',
  commitNumber: 907,
  featureSet: { name: 'pump-condition', version: 1, digest: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9' },
  model: { name: 'cooling-pumps', version: 3 },
  release: 'cooling-pumps-r4',
  role: 'champion',
  score: 7.4,
  confidence: 0.993,
  rule: { id: 'bearing-wear', signal: 'confidence', value: 0.993, raiseAt: 0.99, clearAt: 0.95, since: '2026-03-01T11:30:00Z' },
  severity: 'high',
  recommendedAction: 'Inspect the drive-end bearing within 48 h.',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
}
