import { z } from 'zod'
import { durationSchema } from '../kind.ts'
import { brokerFields } from '../mqtt/config.ts'

export const sparkplugConfigSchema = z.strictObject({
  ...brokerFields,
  clientId: z.string().min(1).max(65_535).optional(),
  primaryHost: z.string().regex(/^[^/+#]+$/, { error: 'a host id has no "/", "+" or "#"' }).optional()
    .describe('Tells edge nodes on spBv1.0/STATE/<this> that their primary host is there; left out: says nothing'),
  reorderTimeout: durationSchema.prefault('2s').describe('How long a message may come behind its successor'),
  lateness: durationSchema.prefault('5s').describe('How far behind the newest reading of a node another may come, as a rule; windows close by it'),
  rebirth: z.strictObject({
    atStart: z.boolean().default(true).describe('Asks nodes that have not been born a while after the start'),
    every: durationSchema.prefault('10s').describe('Least time between two requests to one node; grows while it does not answer'),
  }).prefault({}),
})
export type SparkplugConfig = z.infer<typeof sparkplugConfigSchema>
