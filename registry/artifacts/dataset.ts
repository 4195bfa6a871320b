import { createHash } from 'node:crypto'
import { z } from 'zod'
import { canonicalDigest, canonicalJson } from '../domain/canonical.ts'
import { sha256Schema } from '../domain/contract/primitives.ts'
import { parts, type Part } from '../domain/datasets/split.ts'
import { driftReferenceSchema, freezeReference, type DriftReference } from '../domain/drift/reference.ts'
import { refuse } from '../domain/errors.ts'
import type { ObjectStore } from './object-store.ts'
import { readParquet, writeParquet, type Column, type Table } from './parquet.ts'

/** Feature windows of a family as they go into training, sorted by (window end, asset). Columns, not row objects. */
export interface DatasetRows {
  readonly features: readonly string[]
  readonly asset: readonly string[]
  readonly startUs: Float64Array
  readonly endUs: Float64Array
  readonly revision: Float64Array
  readonly mode: readonly string[]
  readonly goodFraction: Float64Array
  readonly part: readonly Part[]
  /** Why the window is not normal, or null. */
  readonly excluded: readonly (string | null)[]
  /** Row-major, NaN = missing. */
  readonly values: Float64Array
}

const columnStatisticsSchema = z.object({
  feature: z.string(), missing: z.int(), min: z.number().nullable(), max: z.number().nullable(), mean: z.number().nullable(), std: z.number().nullable(),
})

export const datasetManifestSchema = z.object({
  format: z.literal(1),
  site: z.string(),
  family: z.string(),
  featureSet: z.object({ name: z.string(), version: z.int(), digest: sha256Schema }),
  /** Of one site by their ids, of several as `site/asset`. */
  assets: z.array(z.string()),
  /** Event time [from, to), and the newest commit number that could be seen. */
  fromUs: z.int(),
  toUs: z.int(),
  commitNumber: z.int(),
  /** Where windows of several sites went in: each as of its own commit number, the dataset's own site first. */
  sites: z.array(z.object({ site: z.string(), commitNumber: z.int() })).optional(),
  rowCount: z.int(),
  /** Rows by part, without the excluded ones, which are counted by reason. */
  parts: z.record(z.enum(parts), z.int()),
  excluded: z.record(z.string(), z.int()),
  labelVersion: sha256Schema,
  /** Recorded failures in the range, for the lead time of alerts. */
  failures: z.array(z.object({ asset: z.string(), atUs: z.int() })),
  /** Over canonical rows: another Parquet writer gives the same. */
  digest: sha256Schema,
  file: z.object({ key: z.string(), sha256: sha256Schema, bytes: z.int() }),
  /** Frozen distribution of the training part, with which drift is measured. */
  reference: z.object({ key: z.string(), sha256: sha256Schema }),
  schema: z.array(z.object({ name: z.string(), type: z.enum(['text', 'integer', 'number']) })),
  statistics: z.array(columnStatisticsSchema),
})
export type DatasetManifest = z.infer<typeof datasetManifestSchema>

export type DatasetFacts = Pick<DatasetManifest, 'site' | 'family' | 'featureSet' | 'assets' | 'fromUs' | 'toUs' | 'commitNumber' | 'sites' | 'labelVersion' | 'failures'>

/**
 * Stores rows as Parquet, the drift reference of their training part, and the manifest, all under their digests: the
 * same snapshot twice is one. Refuses (`insufficient_data`) rows without a normal training part.
 */
export async function writeDataset(objects: ObjectStore, facts: DatasetFacts, rows: DatasetRows): Promise<{ manifest: DatasetManifest; manifestKey: string }> {
  const digest = datasetDigest(rows)
  const table = toTable(rows)
  const bytes = writeParquet(table, { twinward: canonicalJson({ digest, family: facts.family, featureSet: facts.featureSet }) })
  const reference = Buffer.from(canonicalJson(freezeReference(rows.features, valuesOfPart(rows, 'train'))), 'utf8')
  const file = { key: `${facts.family}/${digest}.parquet`, sha256: hashOf(bytes), bytes: bytes.length }
  const referenceFile = { key: `${facts.family}/${digest}.reference.json`, sha256: hashOf(reference) }
  const manifest: DatasetManifest = {
    format: 1, ...facts, rowCount: rows.asset.length,
    parts: countParts(rows), excluded: countReasons(rows), digest, file, reference: referenceFile,
    schema: table.columns.map(({ name, type }) => ({ name, type })),
    statistics: statisticsOf(rows),
  }
  const manifestKey = `${facts.family}/${digest}.${canonicalDigest(manifest).slice(0, 16)}.json`
  await putOnce(objects, file.key, bytes, 'application/vnd.apache.parquet')
  await putOnce(objects, referenceFile.key, reference, 'application/json')
  await putOnce(objects, manifestKey, Buffer.from(canonicalJson(manifest), 'utf8'), 'application/json')
  return { manifest, manifestKey }
}

/** Reads the rows a manifest names. Refuses (`digest_mismatch`) a file or rows that are not those of the manifest. */
export async function readDataset(objects: ObjectStore, manifest: DatasetManifest): Promise<DatasetRows> {
  const bytes = await objects.get('datasets', manifest.file.key)
  const features = manifest.statistics.map(({ feature }) => feature)
  const rows = fromTable(await readParquet(bytes), features)
  const actual = datasetDigest(rows)
  if (actual !== manifest.digest) {
    refuse('digest_mismatch', `dataset ${manifest.file.key} holds rows with digest ${actual}, its manifest says ${manifest.digest}; `
      + 'restore the object from a backup or take the snapshot again', { expected: manifest.digest, actual })
  }
  return rows
}

/** The frozen reference of a dataset. Refuses (`digest_mismatch`) other bytes. */
export async function readReference(objects: ObjectStore, manifest: DatasetManifest): Promise<DriftReference> {
  const bytes = await objects.get('datasets', manifest.reference.key)
  if (hashOf(bytes) !== manifest.reference.sha256) {
    refuse('digest_mismatch', `drift reference ${manifest.reference.key} is not the one its dataset names; restore it from a backup or train again`)
  }
  return driftReferenceSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
}

/** Feature values of the normal rows of a part, row-major. */
export function valuesOfPart(rows: DatasetRows, part: Part): Float64Array {
  const width = rows.features.length
  const picked = rows.part.flatMap((p, i) => (p === part && rows.excluded[i] === null ? [i] : []))
  const out = new Float64Array(picked.length * width)
  picked.forEach((i, n) => out.set(rows.values.subarray(i * width, (i + 1) * width), n * width))
  return out
}

/** SHA-256 over the rows themselves in their order; NaN has one form here, whatever bits it came with. */
export function datasetDigest(rows: DatasetRows): string {
  const hash = createHash('sha256').update(canonicalJson({ features: rows.features, rows: rows.asset.length }))
  const width = rows.features.length
  const numbers = Buffer.alloc(8 * (4 + width))
  for (let i = 0; i < rows.asset.length; i++) {
    hash.update(canonicalJson([rows.asset[i], rows.mode[i], rows.part[i], rows.excluded[i]]))
    ;[rows.startUs, rows.endUs, rows.revision, rows.goodFraction].forEach((column, at) => numbers.writeDoubleLE(column[i] as number, at * 8))
    for (let j = 0; j < width; j++) {
      const v = rows.values[i * width + j] as number
      numbers.writeDoubleLE(Number.isNaN(v) ? Number.NaN : v, 8 * (4 + j))
    }
    hash.update(numbers)
  }
  return hash.digest('hex')
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function putOnce(objects: ObjectStore, key: string, bytes: Uint8Array, type: string): Promise<void> {
  // Under object lock a second put would keep a second version for years.
  if (!(await objects.exists('datasets', key))) await objects.put('datasets', key, bytes, type)
}

/** A feature may be called like one of the columns before it. */
const featureColumn = (name: string): string => `feature.${name}`

function toTable(rows: DatasetRows): Table {
  const n = rows.asset.length
  const width = rows.features.length
  const columns: Column[] = [
    { name: 'asset', type: 'text', values: rows.asset },
    { name: 'window_start_us', type: 'integer', values: rows.startUs },
    { name: 'window_end_us', type: 'integer', values: rows.endUs },
    { name: 'revision', type: 'integer', values: rows.revision },
    { name: 'mode', type: 'text', values: rows.mode },
    { name: 'good_fraction', type: 'number', values: rows.goodFraction },
    { name: 'part', type: 'text', values: rows.part },
    { name: 'excluded', type: 'text', values: rows.excluded },
    ...rows.features.map((name, j) => ({
      name: featureColumn(name), type: 'number' as const, values: Float64Array.from({ length: n }, (_, i) => rows.values[i * width + j] as number),
    })),
  ]
  return { rowCount: n, columns }
}

function fromTable(table: Table, features: readonly string[]): DatasetRows {
  const byName = new Map(table.columns.map((column) => [column.name, column]))
  const column = <T extends Column['type']>(name: string, ...types: T[]) => {
    const found = byName.get(name)
    if (found === undefined || !types.includes(found.type as T)) refuse('digest_mismatch', `the dataset file has no column ${name} of type ${types.join()}`)
    return found as Extract<Column, { type: T }>
  }
  const values = new Float64Array(table.rowCount * features.length)
  features.forEach((name, j) => {
    const from = column(featureColumn(name), 'number').values
    for (let i = 0; i < table.rowCount; i++) values[i * features.length + j] = from[i] as number
  })
  return {
    features,
    asset: column('asset', 'text').values as string[],
    startUs: column('window_start_us', 'integer').values,
    endUs: column('window_end_us', 'integer').values,
    revision: column('revision', 'integer').values,
    mode: column('mode', 'text').values as string[],
    goodFraction: column('good_fraction', 'number').values,
    part: column('part', 'text').values as Part[],
    excluded: column('excluded', 'text').values,
    values,
  }
}

function countParts(rows: DatasetRows): Record<Part, number> {
  const counts: Record<Part, number> = { train: 0, calibration: 0, test: 0, gap: 0 }
  rows.part.forEach((part, i) => { if (rows.excluded[i] === null) counts[part]++ })
  return counts
}

function countReasons(rows: DatasetRows): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const reason of rows.excluded) if (reason !== null) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}

function statisticsOf(rows: DatasetRows): DatasetManifest['statistics'] {
  const width = rows.features.length
  return rows.features.map((feature, j) => {
    let [n, mean, squares, min, max] = [0, 0, 0, Infinity, -Infinity]
    for (let at = j; at < rows.values.length; at += width) {
      const v = rows.values[at] as number
      if (!Number.isFinite(v)) continue
      // Welford's update: one pass, no cancellation.
      n++
      const delta = v - mean
      mean += delta / n
      squares += delta * (v - mean)
      min = Math.min(min, v)
      max = Math.max(max, v)
    }
    const missing = rows.asset.length - n
    return n === 0 ? { feature, missing, min: null, max: null, mean: null, std: null }
      : { feature, missing, min, max, mean: finite(mean), std: finite(Math.sqrt(squares / n)) }
  })
}

/** Moments of absurd values overflow; JSON has no infinity. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
