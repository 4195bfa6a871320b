import { z } from 'zod'
import { CONTRACT_VERSION, microsSchema, sha256Schema, slugSchema, traceIdSchema } from './primitives.ts'

export const modeSchema = z.enum(['live', 'backfill', 'simulation'])
export type Mode = z.infer<typeof modeSchema>

/** Live and simulated readings advance the live lane; backfilled ones the backfill lane, which never pages. */
export type Lane = 'live' | 'backfill'
export const laneOf = (mode: Mode): Lane => (mode === 'backfill' ? 'backfill' : 'live')

export const batchKindSchema = z.enum(['readings', 'waveforms'])

/**
 * What a gateway says about a batch. It travels as JSON in the metadata of the Arrow stream that carries the rows
 * (key `twinward`), so that a stored batch explains itself. (gateway, epoch, sequence) takes effect exactly once.
 */
export const batchHeaderSchema = z
  .object({
    contract: z.literal(CONTRACT_VERSION),
    site: slugSchema,
    gateway: slugSchema,
    epoch: z.string().regex(/^[0-9a-f]{16}$/).describe('Random per buffer: a cloned or restored buffer is another epoch'),
    sequence: z.number().int().min(1).describe('1, 2, 3 … within an epoch, without gaps'),
    kind: batchKindSchema,
    mode: modeSchema,
    mappingDigest: sha256Schema.describe('Digest of the tag map that made canonical values of device values'),
    count: z.number().int().min(1).describe('Rows in the batch'),
    completeThroughUs: microsSchema.nullable().describe('Low watermark: the gateway has shipped, in this lane, all it will ever regularly ship up to here'),
    createdUs: microsSchema.describe('Gateway clock when the batch was cut'),
    traceId: traceIdSchema,
  })
  .meta({ id: 'BatchHeader' })
export type BatchHeader = z.infer<typeof batchHeaderSchema>

export const batchHeaderExample: BatchHeader = {
  contract: CONTRACT_VERSION,
  site: 'hamburg',
  gateway: 'gw-1',
  epoch: '9f2c64b01d7a33e8',
  sequence: 42,
  kind: 'readings',
  mode: 'live',
  mappingDigest: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
  count: 50_000,
  completeThroughUs: 1_772_366_400_000_000,
  createdUs: 1_772_366_401_250_000,
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
}

/**
 * Limits of one batch, so that nothing in the path needs unbounded memory.
 * A batch above them is refused at the edge and quarantined at the landing zone.
 */
export const batchLimits = { rows: 250_000, samples: 4_000_000, bytes: 24 * 1024 * 1024, tags: 10_000 } as const

/** What the platform answers on the gateway's acknowledgement topic once object and row are safe (not PUBACK). */
export const acknowledgementSchema = z
  .object({
    gateway: slugSchema,
    epoch: z.string(),
    sequence: z.number().int().min(0).describe('0 when the header could not be read; then only the digest tells which batch is meant'),
    digest: sha256Schema.optional().describe('Of the bytes as they were received'),
    status: z.enum(['stored', 'duplicate', 'quarantined']),
    code: z.string().nullable().describe('Error code when quarantined'),
    message: z.string().nullable(),
    receivedUs: microsSchema,
  })
  .meta({ id: 'Acknowledgement' })
export type Acknowledgement = z.infer<typeof acknowledgementSchema>

/** MQTT topics, one place. QoS 1 everywhere; events are not retained. */
export const topics = {
  batch: (site: string, gateway: string) => `twinward/v1/${site}/gateways/${gateway}/batches`,
  allBatches: 'twinward/v1/+/gateways/+/batches',
  acknowledgement: (site: string, gateway: string) => `twinward/v1/${site}/gateways/${gateway}/acks`,
  report: (site: string, gateway: string) => `twinward/v1/${site}/gateways/${gateway}/reports`,
  allReports: 'twinward/v1/+/gateways/+/reports',
  reply: (site: string, gateway: string) => `twinward/v1/${site}/gateways/${gateway}/replies`,
  /** Pieces of files that orders name: asked for, and given. */
  fileRequest: (site: string, gateway: string) => `twinward/v1/${site}/gateways/${gateway}/file-requests`,
  allFileRequests: 'twinward/v1/+/gateways/+/file-requests',
  filePiece: (site: string, gateway: string) => `twinward/v1/${site}/gateways/${gateway}/file-pieces`,
  events: (site: string, type: string) => `twinward/v1/${site}/events/${type}`,
} as const
