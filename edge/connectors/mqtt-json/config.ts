import { z } from 'zod'
import { DomainError } from '../../../registry/domain/errors.ts'
import { isTimeZone } from '../local-time.ts'
import { durationSchema } from '../kind.ts'
import { brokerFields } from '../mqtt/config.ts'
import { parseJsonPath, type JsonPath } from './path.ts'
import { isTopicFilter } from './topic.ts'

const pathSchema = z.string({ error: 'write a path into the JSON, e.g. ts or meta.ts' }).min(1).transform((text, context): JsonPath => {
  try {
    const path = parseJsonPath(text)
    if (path.steps.filter(({ kind }) => kind === 'each').length > 1) context.addIssue({ code: 'custom', message: `"${text}" has more than one [*]; one goes along with the value's` })
    return path
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
    return z.NEVER
  }
})

const timeSchema = z.union([
  pathSchema.transform((at) => ({ at, is: 'iso' as const, zone: undefined })),
  z.strictObject({
    at: pathSchema,
    is: z.enum(['iso', 's', 'ms', 'us', 'ns']).default('iso').describe('ISO 8601, or seconds to nanoseconds since 1970'),
    zone: z.string().refine(isTimeZone, { error: 'write a time zone such as Europe/Berlin' }).optional().describe('Of ISO times that do not name their offset'),
  }).refine(({ is, zone }) => is === 'iso' || zone === undefined, { path: ['zone'], error: 'what counts from 1970 has no time zone; leave it out' }),
], { error: 'write where it stands, e.g. ts for ISO times, or { at: ts, is: ms }' })

const wordsSchema = z.array(z.union([z.string(), z.number(), z.boolean()]))

const qualitySchema = z.union([
  pathSchema.transform((at) => ({ at, good: [] as (string | number | boolean)[], uncertain: [] as (string | number | boolean)[] })),
  z.strictObject({ at: pathSchema, good: wordsSchema.min(1), uncertain: wordsSchema.default([]) }),
], { error: 'write where it stands, e.g. quality, or { at: q, good: [0], uncertain: [1] }' })

const messageSchema = z.strictObject({
  topic: z.string().refine(isTopicFilter, { error: 'write a topic; + stands for one level, # at the end for all that follow' }).default('#').describe('Which messages'),
  time: timeSchema.optional().describe('Where the source time stands; left out: the gateway\'s time on arrival'),
  quality: qualitySchema.optional(),
  words: z.record(z.string(), z.number()).default({}).describe('Numbers that texts stand for, e.g. { ON: 1, OFF: 0 }'),
  sampleRateHz: z.union([z.number().positive(), pathSchema], { error: 'write the rate in Hz, or where it stands' }).optional(),
  interval: z.strictObject({ at: pathSchema, is: z.enum(['s', 'ms', 'us', 'ns']) }).optional().describe('Between two samples'),
  timestampOf: z.enum(['first', 'last']).default('first').describe('Which sample of a waveform the time belongs to'),
}).refine(({ sampleRateHz, interval }) => sampleRateHz === undefined || interval === undefined, { path: ['interval'], error: 'give sampleRateHz or interval, not both' })

export const mqttJsonConfigSchema = z.strictObject({
  ...brokerFields,
  clientId: z.string().min(1).max(65_535).optional().describe('By which the broker knows what it holds for us; one is made and kept unless told'),
  qos: z.union([z.literal(0), z.literal(1)]).default(1),
  session: z.enum(['persistent', 'clean']).default('persistent').describe('persistent: the broker holds what comes while the gateway is away'),
  retained: z.enum(['take', 'ignore']).default('take').describe('Messages kept by the broker from before; without a time of their own they are never taken'),
  lateness: durationSchema.prefault('5s').describe('How far behind the newest reading of a topic another may come, as a rule; windows close by it'),
  messages: z.array(messageSchema).default([]).describe('How messages are built; the first whose topic fits holds'),
}).refine(({ session, qos }) => session === 'clean' || qos === 1, { path: ['qos'], error: 'a broker holds nothing of QoS 0; write session: clean, or leave qos at 1' })
export type MqttJsonConfig = z.infer<typeof mqttJsonConfigSchema>

/** How messages of some topics are built. */
export type MessageShape = z.infer<typeof messageSchema>
export const PLAIN: MessageShape = messageSchema.parse({})
