import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { platformActor } from '../../registry/domain/access/rights.ts'
import { canonicalDigest } from '../../registry/domain/canonical.ts'
import { assetImportSchema } from '../../registry/domain/contract/hierarchy.ts'
import { featureSetSchema } from '../../registry/domain/features/feature-set.ts'
import { policyDigest, policySchema, type Policy } from '../../registry/domain/policy/policy.ts'
import { fitCalibration } from '../../registry/domain/scoring/calibration.ts'
import { importAssets } from '../../registry/services/import-assets.ts'
import { registerFeatureSet } from '../../registry/services/register-feature-set.ts'
import { createCopyWriter, type CopyWriter } from '../../registry/store/copy-writer.ts'
import type { Pool } from '../../registry/store/pool.ts'
import { inSite } from '../../registry/store/transaction.ts'

export const plantSite = 'bench'
export const plantFamilies = ['north', 'east', 'south', 'west'] as const
const ASSETS = 20
const MINUTE_US = 60_000_000
const DAY_US = 86_400_000_000
/** Statements of a COPY go in blocks of so many bytes. */
const BLOCK = 1 << 20

const policy = policySchema.parse({
  name: 'bench', version: 1,
  rules: [{ id: 'wear', signal: 'confidence', comparison: 'above', raiseAt: 0.9995, clearAt: 0.99, offDelayUs: 2 * MINUTE_US, severity: 'high', recommendedAction: 'Inspect it.' }],
  routing: { channels: {}, acknowledgeWithinSeconds: 900 },
})
/** The same rule, raised twice as often. */
export const stricter = (of: Policy): Policy => ({ ...of, version: of.version + 1, rules: of.rules.map((rule) => ({ ...rule, raiseAt: 0.999 })) })

export interface ScoredPlant {
  readonly policy: Policy
  readonly assetsPerFamily: number
  readonly lanes: readonly { readonly assetRef: number; readonly featureSetRef: number; readonly releaseRef: number }[]
}

/** Four families of machines, each with a release in force; nothing is measured yet. */
export async function createScoredPlant(pool: Pool): Promise<ScoredPlant> {
  const actor = platformActor('bench')
  const ctx = { pool, objects: undefined as never, nowUs: () => Date.now() * 1000 }
  const assets = plantFamilies.flatMap((family) => Array.from({ length: ASSETS }, (_, i) => ({
    id: `${family}-${i + 1}`, name: `${family} ${i + 1}`, class: 'centrifugal-pump', family, line: 'line', validFrom: '2020-01-01T00:00:00Z',
  })))
  await importAssets(ctx, actor, assetImportSchema.parse({ site: { id: plantSite, name: 'Bench' }, areas: [{ id: 'hall', name: 'Hall' }], lines: [{ id: 'line', area: 'hall', name: 'Line' }], assets }))
  for (const family of plantFamilies) {
    await registerFeatureSet(ctx, actor, { site: plantSite, family, definition: featureSetSchema.parse({
      name: family, version: 1, windowUs: MINUTE_US, hopUs: MINUTE_US, features: [{ name: 'level', role: 'level', kind: 'mean' }],
    }) })
    await inSite(pool, plantSite, (tx) => tx.query(`
      with d as (
        insert into dataset (site_id, family_id, feature_set_ref, digest, manifest_key, manifest, commit_number, row_count, created_by)
        select $1, $2, feature_set_ref, $3, 'm', '{}', 0, 0, 'bench' from feature_set where family_id = $2 returning dataset_id, feature_set_ref
      ), m as (
        insert into model_version (site_id, family_id, name, version, kind, artifact_key, digest, feature_set_ref, dataset_id, metrics, calibration, card, runtime, reason, run_id, created_by)
        select $1, $2, $2, 1, 'pca', 'none', $3, feature_set_ref, dataset_id, '{}', $4, '', '{}', 'bench', $2, 'bench' from d returning model_version_ref, feature_set_ref
      ), p as (
        insert into policy (site_id, family_id, version, digest, definition, created_by) values ($1, $2, 1, $5, $6, 'bench') returning policy_ref
      ), r as (
        insert into release (site_id, family_id, release_id, number, model_version_ref, feature_set_ref, policy_ref, digest, created_by)
        select $1, $2, $2 || '-r1', 1, model_version_ref, feature_set_ref, policy_ref, $3, 'bench' from m, p returning release_ref
      )
      insert into assignment (site_id, family_id, release_ref, role, scope_kind, scope_id, valid, reason, assigned_by)
      select $1, $2, release_ref, 'champion', 'family', $2, tstzrange(now(), null), 'bench', 'bench' from r`,
    [plantSite, family, canonicalDigest(family), JSON.stringify(fitCalibration(Float64Array.from({ length: 100 }, (_, i) => i / 100))), policyDigest(policy), JSON.stringify(policy)]))
  }
  const lanes = await inSite(pool, plantSite, async (tx) => (await tx.query<{ asset_ref: number; feature_set_ref: number; release_ref: number }>(
    `select a.asset_ref, r.feature_set_ref, r.release_ref from asset a join asset_version v using (asset_ref) join release r on r.family_id = v.family_id order by 1`)).rows)
  return { policy, assetsPerFamily: ASSETS, lanes: lanes.map((row) => ({ assetRef: row.asset_ref, featureSetRef: row.feature_set_ref, releaseRef: row.release_ref })) }
}

/** Stores so many windows and scores, a minute apart and the same for every machine, up to today; gives how many there are. */
export async function fillScores(migrationUrl: string, plant: ScoredPlant, scores: number): Promise<number> {
  const perAsset = Math.ceil(scores / plant.lanes.length)
  const firstUs = Math.floor(Date.now() / 86_400_000) * DAY_US - perAsset * MINUTE_US
  const at = (i: number) => firstUs + i * MINUTE_US
  const digest = canonicalDigest('runtime')
  await sql(migrationUrl, `insert into asset_lane (site_id, asset_ref, feature_set_ref, lane, closed_through)
    select '${plantSite}', a, f, 'live', now() from unnest(array[${plant.lanes.map((l) => l.assetRef).join()}], array[${plant.lanes.map((l) => l.featureSetRef).join()}]) as u(a, f)`)
  await sql(migrationUrl, `update site set last_commit = ${perAsset} where site_id = '${plantSite}'`)
  // In the order in which a plant stores them: window by window, all machines.
  const each = (row: (writer: CopyWriter, lane: ScoredPlant['lanes'][number], i: number, id: number) => void) => blocks((writer) => {
    let at = 0
    return () => {
      if (at >= perAsset * plant.lanes.length) return false
      row(writer, plant.lanes[at % plant.lanes.length] as ScoredPlant['lanes'][number], Math.floor(at / plant.lanes.length), at + 1)
      at++
      return true
    }
  })
  await Promise.all([
    copy(migrationUrl, 'feature_window (window_id, site_id, asset_ref, feature_set_ref, window_end, revision, lane, mode, window_start, commit_number, source_time, ingest_time, feature_values, good_fraction, trace_id)',
      each((writer, lane, i, id) => {
        writer.row(15)
        writer.int8(id)
        writer.text(plantSite)
        writer.int4(lane.assetRef)
        writer.int4(lane.featureSetRef)
        writer.timestamp(at(i))
        writer.int2(0)
        writer.text('live')
        writer.text('live')
        writer.timestamp(at(i) - MINUTE_US)
        writer.int8(i + 1)
        writer.timestamp(at(i))
        writer.timestamp(at(i))
        writer.float8Array(Float64Array.of(confidenceOf(id)))
        writer.float4(1)
        writer.text('bench')
      })),
    copy(migrationUrl, 'score (score_id, site_id, asset_ref, window_id, window_end, revision, lane, release_ref, role, score, confidence, runtime_digest)', each((writer, lane, i, id) => {
      const confidence = confidenceOf(id)
      writer.row(12)
      writer.int8(id)
      writer.text(plantSite)
      writer.int4(lane.assetRef)
      writer.int8(id)
      writer.timestamp(at(i))
      writer.int2(0)
      writer.text('live')
      writer.int4(lane.releaseRef)
      writer.text('champion')
      writer.float8(-Math.log10(1 - confidence))
      writer.float8(confidence)
      writer.text(digest)
    })),
  ])
  await sql(migrationUrl, 'analyze')
  return perAsset * plant.lanes.length
}

/** The confidence of a normal window is as likely anywhere between 0 and 1: what a calibration is for. */
function confidenceOf(id: number): number {
  let x = Math.imul(id ^ 0x9e3779b9, 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (((x ^ (x >>> 16)) >>> 0) + 0.5) / 2 ** 32
}

/** Fills the ledger of the site to so many rows; one in ten is a release that was put in force for an hour, long ago. */
export async function fillLedger(migrationUrl: string, rows: number): Promise<void> {
  const there = Number((await sql<{ n: string }>(migrationUrl, 'select count(*) as n from ledger_entry'))[0]?.n)
  const more = rows - there
  if (more <= 0) return
  await sql(migrationUrl, `insert into ledger_entry (site_id, kind, subject, actor_id, body)
    select '${plantSite}', 'assignment.switched', 'release/' || (i % 1000), 'bench', '{"n":' || i || '}' from generate_series(${there + 1}, ${rows}) i`)
  await sql(migrationUrl, `insert into assignment (site_id, family_id, release_ref, role, scope_kind, scope_id, valid, reason, assigned_by)
    select '${plantSite}', family_id, release_ref, 'champion', 'family', family_id, tstzrange(now() - interval '20 years' + i * interval '1 hour', now() - interval '20 years' + (i + 1) * interval '1 hour'), 'bench', 'bench'
    from release cross join generate_series(${Math.ceil(there / 40)}, ${Math.ceil(rows / 40) - 1}) i`)
  await sql(migrationUrl, 'analyze ledger_entry; analyze assignment')
}

async function sql<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

/** As the owner, whom row-level security does not keep from COPY. */
async function copy(url: string, target: string, rows: Iterable<Uint8Array>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await pipeline(Readable.from(rows, { objectMode: true, highWaterMark: 2 }), client.query(copyFrom(`copy ${target} from stdin (format binary)`)))
  } finally {
    await client.end()
  }
}

function* blocks(begin: (writer: CopyWriter) => () => boolean): Generator<Uint8Array> {
  const writer = createCopyWriter(BLOCK)
  const next = begin(writer)
  while (next()) if (writer.size >= BLOCK) yield writer.take()
  yield writer.end()
}
