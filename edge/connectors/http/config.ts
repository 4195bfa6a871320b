import { z } from 'zod'
import { slugSchema } from '../../../registry/domain/contract/primitives.ts'
import { bytesSchema } from '../../measures.ts'
import { durationSchema, secretReferenceSchema } from '../kind.ts'

const tokenSchema = z.strictObject({
  name: slugSchema.describe('what counters, health and log call whoever has it'),
  secret: secretReferenceSchema,
  assets: z.array(slugSchema).min(1).optional().describe('The only assets it may send for; all of the source\'s unless told'),
})
export type TokenConfig = z.infer<typeof tokenSchema>

export const httpPushConfigSchema = z.strictObject({
  listen: z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^\s:]+):\d{1,5}$/, { error: 'write ADDRESS:PORT, e.g. 127.0.0.1:9480, or 0.0.0.0:9480 for the machines of a network' }).default('127.0.0.1:9480'),
  tls: z.strictObject({ certificate: secretReferenceSchema, key: secretReferenceSchema }).optional().describe('PEM files; read again when they change'),
  tokens: z.array(tokenSchema, { error: 'is missing: name at least one token; without one nobody could send' }).min(1, { error: 'name at least one token; without one nobody could send' })
    .refine((tokens) => new Set(tokens.map(({ name }) => name)).size === tokens.length, { error: 'two tokens have the same name; give each its own' }),
  numericTime: z.enum(['s', 'ms', 'us', 'ns']).default('ms').describe('What a time that is a number counts since 1970'),
  lateness: durationSchema.prefault('10s').describe('How far behind its newest reading a machine may still send; its windows close that much later'),
  quietAfter: durationSchema.prefault('5min').describe('A machine that sends nothing for so long is not waited for'),
  limits: z.strictObject({
    body: bytesSchema.prefault('1 MB').describe('Of one request, as it is sent'),
    unpacked: bytesSchema.prefault('4 MB').describe('Of one request, gzip undone'),
    concurrent: z.int().min(1).max(1_000).default(16).describe('Requests being worked on at once'),
    requestsPerSecond: z.number().positive().max(100_000).default(50).describe('Of one token, on average'),
  }).prefault({}),
})
export type HttpPushConfig = z.infer<typeof httpPushConfigSchema>
