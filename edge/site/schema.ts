import { z } from 'zod'
import { instantSchema, slugSchema, tagKeySchema } from '../../registry/domain/contract/primitives.ts'
import { durationSchema, secretReferenceSchema } from '../connectors/kind.ts'
import { bandwidthSchema, bytesSchema, rateSchema, spanSchema } from '../measures.ts'
import { alarmsSchema } from './alarm-schema.ts'

const shipSchema = z.union([
  z.literal('all'),
  z.strictObject({
    onChange: z.strictObject({
      deadband: z.number().min(0, { error: 'must not be negative; 0 ships every change' }).default(0).describe('Smallest change worth shipping, in the canonical unit'),
      atLeastEvery: spanSchema.optional(),
    }),
  }),
  z.strictObject({ every: spanSchema }),
  z.strictObject({ aggregate: z.strictObject({ every: spanSchema, of: z.enum(['mean', 'min', 'max', 'std', 'last', 'count']) }) }),
  z.strictObject({
    around: z.strictObject({
      tag: tagKeySchema.optional(),
      above: z.number().optional(),
      below: z.number().optional(),
      before: durationSchema.prefault('0s'),
      after: spanSchema,
    }).refine(({ above, below }) => above !== undefined || below !== undefined, { error: 'say above, below or both: the value that makes the event' }),
  }),
], { error: 'write all, or one of { onChange: { deadband: 0.5 } }, { every: 10min }, { aggregate: { every: 60s, of: mean } }, { around: { above: 7, before: 10s, after: 60s } }' })
export type ShipOfSite = z.infer<typeof shipSchema>

/** What a tag may say wherever it stands: in the site file or in a template. */
const tagFields = {
  kind: z.enum(['scalar', 'waveform']).optional(),
  unit: z.string().min(1).optional(),
  canonicalUnit: z.string().min(1).optional(),
  scale: z.number().refine((scale) => scale !== 0, { error: 'must not be 0' }).optional(),
  offset: z.number().optional(),
  every: spanSchema.optional(),
  deadband: z.number().min(0, { error: 'must not be negative; leave it out to have every change' }).optional(),
  range: z.strictObject({ low: z.number(), high: z.number() }).refine(({ low, high }) => low < high, { error: 'low must be below high' }).optional(),
  checks: z.strictObject({
    maxRate: rateSchema.optional(),
    flatlineAfter: spanSchema.optional(),
    missingAfter: spanSchema.optional(),
    sampledEvery: spanSchema.optional(),
  }).optional(),
  ship: shipSchema.optional(),
  calibration: z.strictObject({
    due: z.union([z.iso.date(), instantSchema], { error: 'write a date such as 2027-05-01' }).transform((text) => Date.parse(text) * 1000),
    certificate: z.string().min(1).max(200).optional(),
  }).optional(),
}

/** A tag that says all itself. */
export const ownTagSchema = z.strictObject({
  tag: tagKeySchema.describe('asset/tag, e.g. pump-1/motor-temp'),
  address: z.string().min(1).describe('where the source has it'),
  role: slugSchema.optional(),
  ...tagFields,
})
export type OwnTag = z.infer<typeof ownTagSchema>

/** A machine like others: its tags are those of a template. */
export const likeSchema = z.strictObject({
  like: slugSchema,
  asset: slugSchema.describe('whose tags they are'),
  with: z.record(z.string().regex(/^[A-Za-z]\w*$/), z.union([z.string(), z.number()])).default({}),
  roles: z.record(slugSchema, z.union([
    z.literal('none'),
    z.strictObject({ name: slugSchema.optional(), address: z.string().min(1).optional(), ...tagFields }),
  ], { error: 'write none, or what differs, e.g. { address: "3:holding:104:float32", unit: "[degF]" }' })).default({}),
})
export type Like = z.infer<typeof likeSchema>

const templateTagSchema = z.strictObject({
  role: slugSchema.describe('what it measures in the asset class, e.g. motor_temperature'),
  name: slugSchema.optional(),
  address: z.string().min(1).optional(),
  ...tagFields,
})
export type TemplateTag = z.infer<typeof templateTagSchema>

const assetSchema = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  class: slugSchema.optional(),
  family: slugSchema.optional(),
  area: slugSchema.default('main'),
  line: slugSchema.default('main'),
  validFrom: instantSchema.default('2000-01-01T00:00:00Z'),
})

/** All of a site file but what stands in its sources, which their kinds know. */
export const siteFileSchema = z.strictObject({
  version: z.literal(1, { error: 'write version: 1' }),
  site: z.union([
    slugSchema.transform((id) => ({ id, name: id, timeZone: 'UTC' })),
    z.strictObject({ id: slugSchema, name: z.string().min(1).max(200), timeZone: z.string().min(1).default('UTC') }),
  ], { error: 'write the site\'s id: 1–63 of a–z, 0–9, ".", "_" or "-"' }),
  gateway: slugSchema.describe('this gateway\'s id, unique within the site'),
  platform: z.union([z.literal('none').transform(() => ({ none: true as const })), z.strictObject({
    mqtt: z.string().regex(/^(mqtts?|wss?|tcp|ssl|tls):\/\/[^\s/]+/, { error: 'write mqtt://HOST:1883 or mqtts://HOST:8883' }).optional(),
    username: z.string().min(1).optional(),
    password: secretReferenceSchema.optional(),
    identity: z.union([
      z.literal('enrolled'),
      z.strictObject({ passphrase: secretReferenceSchema }),
    ], { error: 'write enrolled, or { passphrase: { file: PATH } } where its key is to be kept under one' }).optional(),
  }).refine(({ mqtt, username, password, identity }) => identity === undefined || (mqtt === undefined && username === undefined && password === undefined), {
    error: 'identity stands alone: an enrolled gateway knows where the platform is and shows its certificate; leave out mqtt, username and password',
  })], { error: 'write none, or where the platform is: { mqtt: mqtt://HOST:1883 } or { identity: enrolled }' }).prefault({}),
  buffer: z.strictObject({
    directory: z.string().min(1).default('buffer'),
    cap: bytesSchema.prefault('2 GiB'),
    maxAge: spanSchema.optional(),
    whenFull: z.enum(['reject-newest', 'drop-oldest', 'thin']).default('drop-oldest'),
    keepRaw: z.strictObject({ for: spanSchema, cap: bytesSchema }).optional(),
  }).prefault({}),
  outage: z.strictObject({ order: z.enum(['oldest-first', 'live-first']).default('oldest-first'), lateAfter: spanSchema.prefault('60s') }).prefault({}),
  uplink: z.strictObject({ bandwidth: bandwidthSchema.optional() }).prefault({}),
  health: z.union([
    z.literal('off'),
    z.strictObject({ listen: z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^\s:]+):\d{1,5}$/, { error: 'write ADDRESS:PORT, e.g. 127.0.0.1:9464' }).default('127.0.0.1:9464') }),
  ], { error: 'write off, or { listen: "127.0.0.1:9464" }' }).prefault({}),
  log: z.strictObject({ file: z.string().min(1), maxSize: bytesSchema.prefault('10 MB'), keep: z.int().min(1).max(100).default(5) }).optional(),
  assets: z.record(slugSchema, assetSchema).default({}),
  alarms: alarmsSchema.prefault({}),
  judge: z.strictObject({ keep: spanSchema.prefault('30 d').describe('how long the box keeps what it judged') }).prefault({}),
  templates: z.record(slugSchema, z.array(templateTagSchema).min(1)).default({}),
  sources: z.array(z.unknown()).min(1, { error: 'must name one source at least' }),
})
export type SiteHead = z.infer<typeof siteFileSchema>

export const sourceHeadSchema = z.looseObject({
  id: slugSchema,
  type: z.string().describe('the protocol'),
  tags: z.array(z.unknown()).min(1, { error: 'must name one tag at least' }),
  writable: z.array(z.string().min(1)).default([]).describe('addresses that alarms may write to; none unless told'),
})
