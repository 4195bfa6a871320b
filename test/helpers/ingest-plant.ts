import { createHash, randomBytes } from 'node:crypto'
import pg from 'pg'
import { createDecodedCache } from '../../activities/decoded-cache.ts'
import { storeBatches, type StoreBatchesResult } from '../../activities/ingest.ts'
import { platformActor } from '../../registry/domain/access/rights.ts'
import { encodeReadings, encodeWaveforms } from '../../registry/domain/codec/encode.ts'
import { CONTRACT_VERSION } from '../../registry/domain/contract/primitives.ts'
import type { Acknowledgement, BatchHeader } from '../../registry/domain/contract/batch.ts'
import { assetImportSchema } from '../../registry/domain/contract/hierarchy.ts'
import type { Reading, ReadingColumns, WaveformRow } from '../../registry/domain/contract/reading.ts'
import { isoToMicros } from '../../registry/domain/contract/time.ts'
import type { ServiceContext } from '../../registry/services/context.ts'
import { importAssets } from '../../registry/services/import-assets.ts'
import { landBatch } from '../../registry/services/land-batch.ts'
import type { ChunkCache } from '../../registry/store/chunks.ts'
import { createPool, type Pool } from '../../registry/store/pool.ts'
import { createMemoryObjectStore } from './memory-object-store.ts'
import { freshDatabase, useStack } from './stack.ts'

export const T0 = isoToMicros('2026-03-01T12:00:00Z')
export const S = 1_000_000

export type Row = Pick<Reading, 'tag' | 'sourceUs' | 'value'> & Partial<Reading>

export interface IngestPlant {
  readonly site: string
  readonly pool: Pool
  readonly ctx: ServiceContext
  readonly objects: ReturnType<typeof createMemoryObjectStore>
  readonly cache: ChunkCache
  /** Past row-level security. */
  rows<T extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<T[]>
  land(bytes: Uint8Array, channel?: { site?: string; gateway?: string }): Promise<Acknowledgement>
  /** Stores everything that waits, or the batches with these sequences. */
  store(options?: { gateway?: string; epoch?: string; sequences?: number[]; cache?: ChunkCache }): Promise<StoreBatchesResult>
  /** Every reading there is, newest revision only, as text: for comparing two plants. */
  readings(): Promise<string[]>
  drop(): Promise<void>
}

/** A site with pump p: scalars a, b (range 0–100), c, and a waveform w; batches go in past MQTT and Temporal. */
export async function createIngestPlant(options: { kind?: 'plant' | 'simulation'; nowUs?: () => number } = {}): Promise<IngestPlant> {
  const database = await freshDatabase(await useStack())
  const pool = createPool(database.url, { max: 6 })
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 1 })
  // A file run by itself may stop the servers before it drops its plants.
  admin.on('error', () => undefined)
  const objects = createMemoryObjectStore()
  const ctx: ServiceContext = { pool, objects, nowUs: options.nowUs ?? (() => T0 + 3600 * S) }
  const site = 'plant-1'
  const actor = platformActor('test')
  const validFrom = '2020-01-01T00:00:00Z'
  await importAssets(ctx, actor, assetImportSchema.parse({
    site: { id: site, name: 'Plant', kind: options.kind ?? 'plant' },
    areas: [{ id: 'hall', name: 'Hall' }], lines: [{ id: 'line-1', area: 'hall', name: 'Line 1' }],
    assets: [{ id: 'p', name: 'Pump', class: 'centrifugal-pump', family: 'pumps', line: 'line-1', validFrom }],
    tags: ['a', 'b', 'c', 'w'].map((name) => ({
      asset: 'p', name, role: name, kind: name === 'w' ? 'waveform' : 'scalar', unit: '1', canonicalUnit: '1', validFrom,
      ...(name === 'b' && { range: { low: 0, high: 100 } }),
    })),
  }))
  const cache = createDecodedCache({ maxBytes: 64 * 1024 * 1024 })
  const months = new Set<string>()
  return {
    site, pool, ctx, objects, cache,
    rows: async <T extends pg.QueryResultRow>(sql: string, values: unknown[] = []) => (await admin.query<T>(sql, values)).rows,
    land: (bytes, channel) => landBatch(ctx, actor, { site, gateway: 'gw-1', ...channel, bytes }),
    async store({ gateway = 'gw-1', epoch = EPOCH, sequences, cache: own = cache } = {}) {
      const { rows } = await admin.query<{ batch_id: string }>(
        `select batch_id from raw_batch where gateway_id = $1 and epoch = $2 and ($3::bigint[] is null or sequence = any($3)) order by sequence`,
        [gateway, epoch, sequences ?? null])
      return storeBatches({ pool, objects, cache: own }, months, { site, gateway, epoch, batchIds: rows.map((row) => row.batch_id) })
    },
    async readings() {
      const { rows } = await admin.query<{ line: string }>(
        `with numbered as (
           select tag_key, source_time, value, raw, quality, revision,
                  row_number() over (partition by tag_key, source_time, revision, batch_id order by n) as occurrence
             from (select r.*, row_number() over () as n from reading r) r)
         select distinct on (tag_key, source_time, occurrence) concat_ws(' ', tag_key, source_time, occurrence, value, raw, quality) as line
           from numbered order by tag_key, source_time, occurrence, revision desc`)
      return rows.map((row) => row.line)
    },
    async drop() {
      await pool.end()
      await admin.end()
      await database.drop()
    },
  }
}

export const EPOCH = '00000000000000aa'

export function headerOf(kind: BatchHeader['kind'], count: number, given: Partial<BatchHeader> = {}): BatchHeader {
  return {
    contract: CONTRACT_VERSION, site: 'plant-1', gateway: 'gw-1', epoch: EPOCH, sequence: 1, kind, mode: 'live',
    mappingDigest: createHash('sha256').update('map').digest('hex'), count, completeThroughUs: null, createdUs: T0,
    traceId: randomBytes(16).toString('hex'), ...given,
  }
}

/** A readings batch of these rows, sorted as a gateway does. */
export function readingsBatch(rows: readonly Row[], given: Partial<BatchHeader> = {}): Uint8Array {
  return encodeReadings(headerOf('readings', rows.length, { traceId: '0'.repeat(32), ...given }), columnsOf(rows))
}

export function waveformsBatch(rows: readonly WaveformRow[], given: Partial<BatchHeader> = {}): Uint8Array {
  return encodeWaveforms(headerOf('waveforms', rows.length, { traceId: '0'.repeat(32), ...given }), rows)
}

export function columnsOf(rows: readonly Row[]): ReadingColumns {
  const tags = [...new Set(rows.map((row) => row.tag))].sort()
  const index = new Map(tags.map((tag, i) => [tag, i]))
  const sorted = rows.map((row, i) => ({ row, i, tag: index.get(row.tag)! }))
    .sort((x, y) => x.tag - y.tag || x.row.sourceUs - y.row.sourceUs || x.i - y.i)
  return {
    tags,
    tag: Int32Array.from(sorted, ({ tag }) => tag),
    sourceUs: Float64Array.from(sorted, ({ row }) => row.sourceUs),
    gatewayUs: Float64Array.from(sorted, ({ row }) => row.gatewayUs ?? row.sourceUs + 1000),
    raw: Float64Array.from(sorted, ({ row }) => row.raw ?? row.value),
    value: Float64Array.from(sorted, ({ row }) => row.value),
    quality: Uint16Array.from(sorted, ({ row }) => row.quality ?? 0),
  }
}
