import { z } from 'zod'
import { slugSchema, tagKeySchema } from '../../registry/domain/contract/primitives.ts'
import { severitySchema } from '../../registry/domain/contract/scored-event.ts'
import { durationSchema, secretReferenceSchema } from '../connectors/kind.ts'
import { rateSchema, spanSchema } from '../measures.ts'

/** Whose reading: a tag of this site, or (in a rule for machines alike) the role that the template names. */
const whose = { tag: tagKeySchema.optional(), role: slugSchema.optional() }
const named = ({ tag, role }: { tag?: string | undefined; role?: string | undefined }) => (tag === undefined) !== (role === undefined)
const nameOne = { error: 'name a tag, or (with like:) a role; one of them' }
const deadband = z.number().min(0, { error: 'must not be negative' }).default(0)

const rangeSchema = z.strictObject({ ...whose, above: z.number().optional(), below: z.number().optional(), deadband })
  .refine(named, nameOne).refine(({ above, below }) => above !== undefined || below !== undefined, { error: 'say above, below or both: the value that raises it' })
const rateConditionSchema = z.strictObject({ ...whose, rises: rateSchema.optional(), falls: rateSchema.optional(), over: spanSchema, deadband: rateSchema.optional() })
  .refine(named, nameOne).refine(({ rises, falls }) => rises !== undefined || falls !== undefined, { error: 'say rises, falls or both: how fast is too fast' })
const missingSchema = z.strictObject({ ...whose, missing: spanSchema }).refine(named, nameOne)

export type RangeOfSite = z.infer<typeof rangeSchema>
export type RateOfSite = z.infer<typeof rateConditionSchema>
export type MissingOfSite = z.infer<typeof missingSchema>
export type ConditionOfSite = RangeOfSite | RateOfSite | MissingOfSite | { all: ConditionOfSite[] } | { any: ConditionOfSite[] }

const conditionSchema: z.ZodType<ConditionOfSite> = z.union([
  rangeSchema, rateConditionSchema, missingSchema,
  z.strictObject({ all: z.lazy(() => z.array(conditionSchema).min(1).max(20)) }),
  z.strictObject({ any: z.lazy(() => z.array(conditionSchema).min(1).max(20)) }),
], { error: 'write one of { tag: …, above: 90, deadband: 5 }, { tag: …, rises: 5/min, over: 1 min }, { tag: …, missing: 30s }, { all: [ … ] }, { any: [ … ] }' })

const ruleSchema = z.strictObject({
  name: slugSchema.describe('what the alarm is called, e.g. motor-hot'),
  like: slugSchema.optional().describe('a template: one such rule for each of its machines'),
  asset: slugSchema.optional().describe('whose alarm it is; that of the first tag unless told'),
  when: conditionSchema,
  onDelay: durationSchema.prefault('0s'),
  offDelay: durationSchema.prefault('0s'),
  severity: severitySchema,
  message: z.string().min(1).max(500).optional(),
  action: z.string().min(1).max(500).optional(),
})
export type RuleOfSite = z.infer<typeof ruleSchema>

const told = { id: slugSchema.refine((id) => id !== 'platform', { error: 'the platform is told anyway; give it another id' }), atLeast: severitySchema.default('low') }
const PLACE = /^[^\s#+]+$/
const outputSchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...told, type: z.literal('mqtt'), url: z.string().regex(/^mqtts?:\/\/[^\s/]+/, { error: 'write mqtt://HOST:1883 or mqtts://HOST:8883' }),
    topic: z.string().regex(PLACE, { error: 'a topic to publish to has no space, # or +' }).default('twinward/{site}/alarms/{asset}/{rule}'), retain: z.boolean().default(false),
    username: z.string().min(1).optional(), password: secretReferenceSchema.optional(),
  }),
  z.strictObject({ ...told, type: z.literal('http'), url: z.url({ protocol: /^https?$/, error: 'write http://… or https://…' }), token: secretReferenceSchema.optional() }),
  z.strictObject({
    ...told, type: z.literal('write'), source: slugSchema.describe('whose machine is written to'), address: z.string().min(1).describe('one that the source lists as writable'),
    on: z.number().default(1), off: z.number().default(0), while: z.enum(['standing', 'unacknowledged']).default('standing'),
  }),
], { error: 'write type: mqtt, http or write' })
export type AlarmOutputOfSite = z.infer<typeof outputSchema>

/** Alarms that the gateway raises by itself, and whom it tells beside the platform. */
export const alarmsSchema = z.strictObject({
  rules: z.array(ruleSchema).max(2000).default([]),
  to: z.array(outputSchema).max(20).default([]),
  keep: spanSchema.prefault('90 d').describe('how long an alarm that is over stays on the box'),
})
export type AlarmsOfSite = z.infer<typeof alarmsSchema>
