import { randomBytes } from 'node:crypto'
import { createMinioStore } from '../../registry/artifacts/minio.ts'
import type { ObjectStore } from '../../registry/artifacts/object-store.ts'
import { platformActor } from '../../registry/domain/access/rights.ts'
import { assetImportSchema } from '../../registry/domain/contract/hierarchy.ts'
import { isoToMicros } from '../../registry/domain/contract/time.ts'
import { featureSetSchema } from '../../registry/domain/features/feature-set.ts'
import { policyDigest, policySchema } from '../../registry/domain/policy/policy.ts'
import type { ServiceContext } from '../../registry/services/context.ts'
import { importAssets } from '../../registry/services/import-assets.ts'
import { registerFeatureSet } from '../../registry/services/register-feature-set.ts'
import { insertFeatureWindows } from '../../registry/store/feature-windows.ts'
import { createPool, type Pool } from '../../registry/store/pool.ts'
import { usToTimestamp } from '../../registry/store/sql-time.ts'
import { inSite } from '../../registry/store/transaction.ts'
import { syntheticRows } from '../unit/activities/models/synthetic-rows.ts'
import { freshDatabase, freshPrefix, type TestDatabase, type TestStack } from './stack.ts'

export const MINUTE = 60_000_000
/** End of the first window. */
export const T0 = isoToMicros('2026-03-01T00:00:00Z')
export const WIDTH = 6

export interface TrainingSite {
  readonly site: string
  readonly family: string
  readonly ctx: ServiceContext
  readonly pool: Pool
  readonly objects: ObjectStore
  readonly database: TestDatabase
  readonly bucketPrefix: string
  /** Stores windows of one minute of an asset, as closing windows leaves them, under a commit number of their own. */
  addWindows(asset: string, rows: Float64Array, options?: { fromIndex?: number }): Promise<void>
  addPolicy(): Promise<void>
  addFailure(asset: string, fromIndex: number, toIndex: number): Promise<void>
  addLabel(asset: string, fromIndex: number, toIndex: number): Promise<void>
  count(sql: string): Promise<number>
  drop(): Promise<void>
}

export const admin = platformActor('test')
/** Correlated rows as a model likes them: see the unit tests. */
export const normalRows = (n: number, seed = 7): Float64Array => syntheticRows(n, WIDTH, { seed })
export const faultyRows = (n: number, seed = 8): Float64Array => syntheticRows(n, WIDTH, { seed, fault: 12 })

/** A site with a family of two pumps and a feature set, on real PostgreSQL and MinIO. */
export async function createTrainingSite(stack: TestStack): Promise<TrainingSite> {
  const database = await freshDatabase(stack)
  const bucketPrefix = freshPrefix()
  const pool = createPool(database.url, { max: 4 })
  const objects = createMinioStore({ ...stack.connections.s3, bucketPrefix })
  await objects.ensureBuckets()
  const ctx: ServiceContext = { pool, objects, nowUs: () => Date.now() * 1000 }
  const [site, family, validFrom] = ['plant-1', 'pumps', '2020-01-01T00:00:00Z']
  await importAssets(ctx, admin, assetImportSchema.parse({
    site: { id: site, name: 'Plant' }, areas: [{ id: 'hall', name: 'Hall' }], lines: [{ id: 'line-1', area: 'hall', name: 'Line 1' }],
    assets: ['pump-1', 'pump-2'].map((id) => ({ id, name: id, class: 'centrifugal-pump', family, line: 'line-1', validFrom })),
  }))
  const { featureSetRef } = await registerFeatureSet(ctx, admin, {
    site, family, definition: featureSetSchema.parse({
      name: 'pump-condition', version: 1, windowUs: MINUTE, hopUs: MINUTE,
      features: Array.from({ length: WIDTH }, (_, j) => ({ name: `f${j}`, role: `role-${j}`, kind: 'mean' })),
    }),
  })
  const during = (from: number, to: number) => [T0 + (from - 1) * MINUTE, T0 + to * MINUTE]
  const assetRef = (asset: string) => `(select asset_ref from asset where site_id = '${site}' and asset_id = '${asset}')`
  return {
    site, family, ctx, pool, objects, database, bucketPrefix,
    addWindows: (asset, rows, { fromIndex = 0 } = {}) => inSite(pool, site, async (tx) => {
      const commit = await tx.query<{ n: string }>('update site set last_commit = last_commit + 1 where site_id = $1 returning last_commit as n', [site])
      const ref = await tx.query<{ asset_ref: number }>(`select asset_ref from asset where asset_id = $1`, [asset])
      const n = rows.length / WIDTH
      await insertFeatureWindows(tx, site, Array.from({ length: n }, (_, i) => {
        const endUs = T0 + (fromIndex + i) * MINUTE
        return {
          assetRef: ref.rows[0]!.asset_ref, featureSetRef, startUs: endUs - MINUTE, endUs, revision: 0, lane: 'live' as const, mode: 'live' as const,
          commitNumber: Number(commit.rows[0]!.n), sourceUs: endUs, ingestUs: endUs, values: rows.slice(i * WIDTH, (i + 1) * WIDTH), goodFraction: 1,
          traceId: randomBytes(16).toString('hex'),
        }
      }))
    }),
    addPolicy: () => inSite(pool, site, async (tx) => {
      const definition = policySchema.parse({
        name: 'pumps-policy', version: 1,
        rules: [{ id: 'anomaly', signal: 'confidence', comparison: 'above', raiseAt: 0.999, clearAt: 0.99, severity: 'high', recommendedAction: 'Inspect the pump.' }],
        routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 900 },
      })
      await tx.query(
        "insert into policy (site_id, family_id, version, digest, definition, created_by) values ($1, $2, 1, $3, $4, 'test')",
        [site, family, policyDigest(definition), JSON.stringify(definition)],
      )
    }),
    addFailure: (asset, from, to) => inSite(pool, site, async (tx) => {
      await tx.query(
        `insert into maintenance_event (site_id, asset_ref, kind, during, recorded_by)
         values ($1, ${assetRef(asset)}, 'failure', tstzrange(${usToTimestamp('$2')}, ${usToTimestamp('$3')}), 'test')`, [site, ...during(from, to)],
      )
    }),
    addLabel: (asset, from, to) => inSite(pool, site, async (tx) => {
      await tx.query(
        `insert into label (site_id, asset_ref, during, value, source_kind, source_id, state)
         values ($1, ${assetRef(asset)}, tstzrange(${usToTimestamp('$2')}, ${usToTimestamp('$3')}), 'faulty', 'import', $4, 'accepted')`,
        [site, ...during(from, to), randomBytes(6).toString('hex')],
      )
    }),
    count: (sql) => inSite(pool, site, async (tx) => Number((await tx.query<{ n: string }>(`select count(*) as n from ${sql}`)).rows[0]!.n)),
    async drop() {
      await pool.end()
      await database.drop()
    },
  }
}
