import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { createDecodedCache } from '../../activities/decoded-cache.ts'
import { createModelCache } from '../../activities/models/load-model.ts'
import { createPcaModel, fitPcaModel, pcaToArtifact } from '../../registry/domain/models/pca-model.ts'
import { runtimeDigest } from '../../activities/models/runtime.ts'
import { createWindowActivities, type WindowActivities } from '../../activities/windows.ts'
import { modelArtifactKey } from '../../registry/artifacts/model-object.ts'
import { encodeModelArtifact, modelArtifactDigest } from '../../registry/domain/models/artifact.ts'
import { platformActor } from '../../registry/domain/access/rights.ts'
import { canonicalDigest } from '../../registry/domain/canonical.ts'
import { laneOf, type Mode } from '../../registry/domain/contract/batch.ts'
import { isoToMicros } from '../../registry/domain/contract/time.ts'
import { featureSetSchema, type FeatureSetInput } from '../../registry/domain/features/feature-set.ts'
import { policyDigest, policySchema, type PolicyInput } from '../../registry/domain/policy/policy.ts'
import { fitCalibration } from '../../registry/domain/scoring/calibration.ts'
import { createRelease } from '../../registry/services/create-release.ts'
import type { ServiceContext } from '../../registry/services/context.ts'
import { importAssets } from '../../registry/services/import-assets.ts'
import { assetImportSchema } from '../../registry/domain/contract/hierarchy.ts'
import { registerFeatureSet } from '../../registry/services/register-feature-set.ts'
import { registerModelVersion } from '../../registry/services/register-model-version.ts'
import { switchAssignment, type AssignmentRole, type Scope } from '../../registry/store/assignments.ts'
import { ensurePartitions, insertChunks, insertWaveforms, toChunkRows, type WaveformInsert } from '../../registry/store/chunk-rows.ts'
import { takeCommitNumbers } from '../../registry/store/commits.ts'
import { insertAssetSources } from '../../registry/store/gateways.ts'
import { createPool, type Pool } from '../../registry/store/pool.ts'
import { usToTimestamp } from '../../registry/store/sql-time.ts'
import { inSite } from '../../registry/store/transaction.ts'
import { createMemoryObjectStore } from './memory-object-store.ts'
import { freshDatabase, useStack, type TestDatabase } from './stack.ts'

export const S = 1_000_000
/** A full hour, so that windows of any sensible hop lie on it. */
export const T0 = isoToMicros('2026-03-01T12:00:00Z')
export const admin = platformActor('test')

export interface Series { tag: string; timesUs: number[]; values: number[]; quality?: number[]; revision?: number }

export interface BatchDraft {
  gateway?: string
  epoch?: string
  mode?: Mode
  series: Series[]
  waveforms?: (Omit<WaveformInsert, 'tagRef' | 'batchId' | 'revision'> & { tag: string })[]
  completeThroughUs: number
  receivedUs?: number
  /** Left landed: only its arrival is known. */
  landedOnly?: boolean
}

export interface JudgingSite {
  readonly site: string
  readonly family: string
  readonly ctx: ServiceContext
  readonly pool: Pool
  readonly database: TestDatabase
  readonly objects: ReturnType<typeof createMemoryObjectStore>
  readonly windows: WindowActivities
  readonly errors: string[]
  /** Stores a batch as ingest leaves it: chunks, watermark, sources, commit number. Gives the batch's id. */
  commit(batch: BatchDraft): Promise<string>
  close(...batchIds: string[]): Promise<{ windows: number; scores: number; late: number }>
  /** Past row-level security and privileges. */
  asOwner<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>
  assign(releaseId: string, role?: AssignmentRole, scope?: Scope): Promise<void>
  /** Registers a PCA model fitted to the feature windows there are, and binds it with the policy. */
  release(policy?: Partial<PolicyInput>, featureSet?: FeatureSetInput): Promise<string>
  /** Another process: nothing cached. */
  newWorker(): WindowActivities
  drop(): Promise<void>
}

export const testFeatureSet: FeatureSetInput = {
  name: 'pump-condition', version: 1, windowUs: 10 * S, hopUs: 5 * S,
  features: ['mean', 'std', 'max'].flatMap((kind) => ['vibration', 'temperature'].map((role) =>
    ({ name: `${role}_${kind}`, role, kind }) as FeatureSetInput['features'][number])),
}

export const testPolicy: PolicyInput = {
  name: 'pumps-policy', version: 1,
  rules: [{
    id: 'wear', signal: 'feature:vibration_mean', comparison: 'above', raiseAt: 5, clearAt: 4, severity: 'high', failureMode: 'VIB',
    onDelayUs: 5 * S, offDelayUs: 5 * S, recommendedAction: 'Inspect the drive-end bearing.',
  }],
  routing: { channels: { low: [], medium: [], high: ['#pumps'], urgent: [] }, acknowledgeWithinSeconds: 900 },
}

/** A site with `assets` pumps of one family, each with a vibration and a temperature, and a feature set for them. */
export async function createJudgingSite(options: { site?: string; assets?: number; kind?: 'plant' | 'simulation'; featureSet?: FeatureSetInput; extraRoles?: string[] } = {}): Promise<JudgingSite> {
  const database = await freshDatabase(await useStack())
  const pool = createPool(database.url, { max: 4 })
  const objects = createMemoryObjectStore()
  const ctx: ServiceContext = { pool, objects, nowUs: () => Date.now() * 1000 }
  const site = options.site ?? 'plant-1'
  const family = 'pumps'
  const assets = Array.from({ length: options.assets ?? 1 }, (_, i) => `pump-${i + 1}`)
  const roles = ['vibration', 'temperature', ...(options.extraRoles ?? [])]
  const validFrom = '2020-01-01T00:00:00Z'
  await importAssets(ctx, admin, assetImportSchema.parse({
    site: { id: site, name: 'Plant', kind: options.kind ?? 'plant' },
    areas: [{ id: 'hall', name: 'Hall' }], lines: [{ id: 'line-1', area: 'hall', name: 'Line 1' }],
    assets: assets.map((id) => ({ id, name: id, class: 'centrifugal-pump', family, line: 'line-1', validFrom })),
    tags: assets.flatMap((asset) => roles.map((role) => ({
      asset, name: role, role, kind: role.startsWith('wave') ? 'waveform' : 'scalar', unit: '1', canonicalUnit: '1', validFrom,
    }))),
  }))
  const firstSet = options.featureSet ?? testFeatureSet
  await registerFeatureSet(ctx, admin, { site, family, definition: featureSetSchema.parse(firstSet) })
  const tags = await inSite(pool, site, async (tx) => new Map((await tx.query<{ tag_key: string; tag_ref: number; asset_ref: number }>(
    'select tag_key, tag_ref, asset_ref from tag')).rows.map((row) => [row.tag_key, row])))
  const months = new Set<string>()
  const sequences = new Map<string, number>()
  const errors: string[] = []
  const newWorker = (): WindowActivities => createWindowActivities({
    pool, chunks: createDecodedCache({ maxBytes: 64 * 1024 * 1024 }), models: createModelCache(objects), runtimeDigest: () => runtimeDigest().digest,
    nowUs: ctx.nowUs, log: { info: () => undefined, error: (_facts, message) => { errors.push(message) } },
  })
  const windows = newWorker()
  const asOwner = async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: database.adminUrl })
    await client.connect()
    try {
      return (await client.query<Row>(sql, values)).rows
    } finally {
      await client.end()
    }
  }
  let policies = 0
  let models = 0
  return {
    site, family, ctx, pool, database, objects, windows, errors, asOwner, newWorker,
    async commit({ gateway = 'gw-1', epoch = '00000000000000aa', mode = options.kind === 'simulation' ? 'simulation' : 'live', series, waveforms = [], completeThroughUs, receivedUs, landedOnly }) {
      const key = `${gateway}/${epoch}`
      const sequence = (sequences.get(key) ?? 0) + 1
      sequences.set(key, sequence)
      const waves = waveforms.map(({ tag, ...wave }) => ({ ...wave, tagRef: tags.get(tag)!.tag_ref }))
      const times = [...series.flatMap((s) => s.timesUs), ...waves.flatMap((w) => [w.startUs, Math.ceil(w.startUs + w.samples.length * w.intervalUs)])]
      await ensurePartitions(pool, months, times)
      return inSite(pool, site, async (tx) => {
        const count = series.reduce((sum, s) => sum + s.timesUs.length, 0) + waves.length
        const { rows } = await tx.query<{ batch_id: string }>(
          `insert into raw_batch (site_id, gateway_id, epoch, sequence, kind, mode, lane, digest, bytes, object_key, mapping_digest, row_count,
                                  complete_through, trace_id, created_at, received_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $8, $10, ${usToTimestamp('$11')}, $12, now(), ${usToTimestamp('$13')}) returning batch_id`,
          [site, gateway, epoch, sequence, waves.length > 0 ? 'waveforms' : 'readings', mode, laneOf(mode), canonicalDigest(`${key}/${sequence}`), `${key}/${sequence}`, count,
            completeThroughUs, randomBytes(16).toString('hex'), receivedUs ?? Date.now() * 1000],
        )
        const batchId = Number(rows[0]!.batch_id)
        if (landedOnly) return String(batchId)
        await insertChunks(tx, site, series.flatMap((s) => toChunkRows(tags.get(s.tag)!.tag_ref, batchId, s.revision ?? 0, {
          timesUs: Float64Array.from(s.timesUs), values: Float64Array.from(s.values), raws: null,
          quality: s.quality === undefined ? null : Uint16Array.from(s.quality),
        })))
        await insertWaveforms(tx, site, waves.map((wave) => ({ ...wave, batchId, revision: 0 })))
        const longest = Math.max(0, ...series.map((s) => (s.timesUs.at(-1) ?? 0) - (s.timesUs[0] ?? 0)))
        await tx.query(
          `insert into tag_head (site_id, tag_ref, t_max, longest_us) select $1, t, now(), $3 from unnest($2::int[]) as u(t)
           on conflict (tag_ref) do update set longest_us = greatest(tag_head.longest_us, excluded.longest_us)`,
          [site, [...new Set(series.map((s) => tags.get(s.tag)!.tag_ref))], longest])
        const commit = await takeCommitNumbers(tx, site, 1)
        const fed = new Set([...series.map((s) => tags.get(s.tag)!.asset_ref), ...waveforms.map((w) => tags.get(w.tag)!.asset_ref)])
        await insertAssetSources(tx, site, [...fed].map((assetRef) => ({ assetRef, gateway, epoch, lane: laneOf(mode), firstCommit: commit })))
        await tx.query(
          `update raw_batch set state = 'committed', commit_number = $2, committed_at = now(), first_time = ${usToTimestamp('$3')}, last_time = ${usToTimestamp('$4')},
                  outcome = jsonb_build_object('accepted', row_count, 'repeated', 0, 'revised', 0, 'quarantined', 0) where batch_id = $1`,
          [batchId, commit, times.length === 0 ? null : Math.min(...times), times.length === 0 ? null : Math.max(...times)],
        )
        return String(batchId)
      })
    },
    close: (...batchIds) => windows.closeWindows({ site, batchIds }),
    async assign(releaseId, role = 'champion', scope = { kind: 'family', id: family }) {
      await inSite(pool, site, async (tx) => {
        const seat = { site, family, role, scope }
        const { rows } = await tx.query<{ release_ref: number }>('select release_ref from release where release_id = $1', [releaseId])
        await switchAssignment(tx, {
          seat, releaseRef: rows[0]!.release_ref, gateId: null, reason: 'test', assignedBy: 'test', requestId: randomBytes(8).toString('hex'),
          nowUs: ctx.nowUs(),
        })
      })
    },
    async release(policy = {}, set = firstSet) {
      const featureSet = featureSetSchema.parse(set)
      const stored = await registerFeatureSet(ctx, admin, { site, family, definition: featureSet })
      const width = featureSet.features.length
      const names = featureSet.features.map((feature) => feature.name)
      const noise = Float64Array.from({ length: 200 * width }, (_, i) => Math.sin(i * 12.9898) + Math.cos(i * 78.233))
      const fitted = fitPcaModel(names, noise)
      const bytes = encodeModelArtifact(pcaToArtifact(fitted))
      const digest = modelArtifactDigest(bytes)
      await objects.put('models', modelArtifactKey(family, digest), bytes)
      const scores = createPcaModel(fitted).scoreRows(noise, 200).scores
      const datasetId = await inSite(pool, site, async (tx) => (await tx.query<{ dataset_id: string }>(
        `insert into dataset (site_id, family_id, feature_set_ref, digest, manifest_key, manifest, commit_number, row_count, created_by)
         values ($1, $2, $3, $4, 'm', '{}', 0, 200, 'test') returning dataset_id`,
        [site, family, stored.featureSetRef, canonicalDigest(`dataset ${++models}`)])).rows[0]!.dataset_id)
      const model = await registerModelVersion(ctx, admin, {
        site, family, name: 'pumps', kind: 'pca', artifactKey: modelArtifactKey(family, digest), digest, dataset: datasetId, metrics: {},
        calibration: fitCalibration(scores), card: '# Pumps', runtime: {}, reason: 'test', runId: `run-${models}`,
      })
      const definition = policySchema.parse({ ...testPolicy, ...policy, version: ++policies })
      await inSite(pool, site, (tx) => tx.query(
        "insert into policy (site_id, family_id, version, digest, definition, created_by) values ($1, $2, $3, $4, $5, 'test')",
        [site, family, definition.version, policyDigest(definition), JSON.stringify(definition)]))
      return (await createRelease(ctx, admin, { site, model: { name: 'pumps', version: model.version }, policyVersion: definition.version })).releaseId
    },
    async drop() {
      await pool.end()
      await database.drop()
    },
  }
}

/** Evenly spaced readings of one tag, [fromS, toS) seconds after T0, by a function of the second. */
export function series(tag: string, fromS: number, toS: number, value: (second: number) => number, stepS = 1): Series {
  const seconds = Array.from({ length: Math.ceil((toS - fromS) / stepS) }, (_, i) => fromS + i * stepS)
  return { tag, timesUs: seconds.map((second) => T0 + second * S), values: seconds.map(value) }
}
