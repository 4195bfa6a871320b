import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { batchTotals } from '../../registry/services/read/batch-totals.ts'
import { listBatches } from '../../registry/services/read/batches.ts'
import { listFeatures } from '../../registry/services/read/features.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { listQuarantine } from '../../registry/services/read/quarantine.ts'
import { listReadings, sampleReadings } from '../../registry/services/read/readings.ts'
import { getWaveform, listWaveforms } from '../../registry/services/read/waveforms.ts'
import { endpoint } from '../endpoint.ts'
import { pageOf } from '../pagination.ts'
import { assetId, inMicros, instantUs, laneSchema, modeSchema, qualitySchema, rangeQuery, tagKey, wholeNumber } from './common.ts'

const numbers = z.array(z.number().nullable())

const readingsSchema = z
  .object({
    tag: z.string(),
    unit: z.string().describe('UCUM'),
    from: z.string(),
    to: z.string(),
    asOf: z.number().int().describe('Commit number of the knowledge read'),
    times: z.array(z.string()).describe('Source times, or where each interval begins'),
    values: numbers.describe('In the canonical unit; of an interval the mean'),
    raw: numbers.optional().describe('As the device gave them; single readings only'),
    quality: z.array(qualitySchema).optional().describe('Single readings only'),
    reasons: z.array(z.array(z.string())).optional().describe('Of single readings: why they are not good (range, clock, calibrationExpired, …)'),
    low: z.array(z.number()).optional().describe('Intervals only'),
    high: z.array(z.number()).optional().describe('Intervals only'),
    counts: z.array(z.number().int()).optional().describe('Good and uncertain readings in each interval'),
    bucketUs: z.number().int().optional().describe('Length of an interval'),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'Readings' })

const count = z.number().int()
const batchTotalsSchema = z
  .object({
    batches: count,
    waiting: count.describe('Landed, or stored with windows still to close'),
    quarantinedBatches: count,
    readings: count,
    waveforms: count,
    repeated: count,
    revised: count,
    quarantined: count.describe('Rows of committed batches that were set aside'),
    windows: count,
    scores: count,
  })
  .meta({ id: 'BatchTotals' })

const waveform = {
  start: z.string(),
  intervalUs: z.number().describe('Fractional microseconds between samples'),
  sampleCount: z.number().int(),
  quality: qualitySchema,
  revision: z.number().int(),
  commitNumber: z.number().int(),
}
const waveformSchema = z.object(waveform).meta({ id: 'WaveformHeader' })
const waveformSamplesSchema = z
  .object({ tag: z.string(), unit: z.string(), ...waveform, samples: z.array(z.number()).describe('In the canonical unit') })
  .meta({ id: 'WaveformSamples' })

const featureWindowSchema = z
  .object({
    id: z.string(),
    start: z.string(),
    end: z.string(),
    revision: z.number().int(),
    lane: laneSchema,
    mode: modeSchema,
    commitNumber: z.number().int().describe('What was known when it was computed'),
    goodFraction: z.number(),
    values: z.record(z.string(), z.number().nullable()).describe('By feature; null where the window had too little'),
  })
  .meta({ id: 'FeatureWindow' })

const batchSchema = z
  .object({
    id: z.string(),
    gateway: z.string(),
    epoch: z.string(),
    sequence: z.number().int(),
    kind: z.enum(['readings', 'waveforms']),
    mode: modeSchema,
    lane: laneSchema,
    digest: z.string(),
    mappingDigest: z.string().describe('Of the tag map its values were made by: GET /v1/gateways/{gateway}/mappings'),
    bytes: z.number().int(),
    rows: z.number().int(),
    state: z.enum(['landed', 'committed', 'quarantined']),
    commitNumber: z.number().int().nullable(),
    createdAt: z.string(),
    receivedAt: z.string(),
    committedAt: z.string().nullable(),
    windowsClosedAt: z.string().nullable(),
    outcome: z.unknown().describe('Counts of rows by fate, or why it was quarantined'),
    traceId: z.string(),
  })
  .meta({ id: 'Batch' })

const quarantineSchema = z
  .object({
    id: z.string(),
    gateway: z.string(),
    epoch: z.string().nullable(),
    sequence: z.number().int().nullable(),
    tag: z.string().nullable().describe('Null: the whole batch'),
    code: z.string(),
    reason: z.string(),
    rowCount: z.number().int(),
    firstTime: z.string().nullable(),
    lastTime: z.string().nullable(),
    sample: z.unknown(),
    digest: z.string(),
    objectKey: z.string().nullable(),
    at: z.string(),
  })
  .meta({ id: 'QuarantineEntry' })

const common = { method: 'get', tag: 'Data', right: 'read', scope: 'site' } as const

export const dataEndpoints = [
  endpoint({
    ...common, operationId: 'listReadings', path: '/v1/readings', summary: 'Readings of one tag over event time',
    description: 'With `points`: at most that many equal intervals with lowest, highest and mean, for charts. Without: single readings, page by page, all '
      + 'as of the same commit number. Without `from` and `to`: the day up to the newest reading.',
    query: z.object({
      tag: tagKey, ...rangeQuery,
      asOf: wholeNumber.min(0).max(Number.MAX_SAFE_INTEGER).optional().describe('Only what was known at this commit number'),
      points: wholeNumber.min(1).max(10_000).optional(),
      limit: wholeNumber.min(1).max(10_000).default(1000).describe('Single readings on a page'),
      cursor: pageInput.cursor,
    }),
    answer: readingsSchema,
    handle: ({ ctx, actor, site, query: { points, ...query } }) => (points === undefined
      ? listReadings(ctx, actor, { site, ...inMicros(query) })
      : sampleReadings(ctx, actor, { site, ...inMicros(query), points })),
  }),
  endpoint({
    ...common, operationId: 'listWaveforms', path: '/v1/waveforms', summary: 'Waveforms of one tag, newest first, without their samples',
    query: z.object({ tag: tagKey, ...rangeQuery, ...pageInput }), answer: pageOf(waveformSchema),
    handle: ({ ctx, actor, site, query }) => listWaveforms(ctx, actor, { site, ...inMicros(query) }),
  }),
  endpoint({
    ...common, operationId: 'getWaveform', path: '/v1/waveforms/samples', summary: 'One waveform with its samples; the newest unless told',
    query: z.object({ tag: tagKey, start: instantUs.optional().describe('As the list gives it') }), answer: waveformSamplesSchema,
    handle: ({ ctx, actor, site, query }) => getWaveform(ctx, actor, { site, tag: query.tag, startUs: query.start }),
  }),
  endpoint({
    ...common, operationId: 'listFeatures', path: '/v1/features', summary: 'Feature values of one asset, by the end of their windows',
    query: z.object({ asset: assetId, featureSet: z.string().max(100).optional().describe('name@version; default: that of its newest window'), ...rangeQuery, ...pageInput }),
    answer: pageOf(featureWindowSchema).extend({ featureSet: z.string().nullable() }),
    handle: ({ ctx, actor, site, query }) => listFeatures(ctx, actor, { site, ...inMicros(query) }),
  }),
  endpoint({
    ...common, operationId: 'listBatches', path: '/v1/batches', summary: 'What gateways shipped, newest first, and what became of it',
    query: z.object({ gateway: slugSchema.optional(), state: z.enum(['landed', 'committed', 'quarantined']).optional(), ...pageInput }),
    answer: pageOf(batchSchema),
    handle: ({ ctx, actor, site, query }) => listBatches(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...common, operationId: 'getBatchTotals', path: '/v1/batches/totals', summary: 'Counts over all that arrived, and how much of it is still in work',
    answer: batchTotalsSchema,
    handle: ({ ctx, actor, site }) => batchTotals(ctx, actor, { site }),
  }),
  endpoint({
    ...common, operationId: 'listQuarantine', path: '/v1/quarantine', summary: 'What was set aside and why, newest first',
    query: z.object({ gateway: slugSchema.optional(), tag: tagKey.optional(), code: z.string().max(100).optional(), ...pageInput }),
    answer: pageOf(quarantineSchema),
    handle: ({ ctx, actor, site, query }) => listQuarantine(ctx, actor, { site, ...query }),
  }),
]
