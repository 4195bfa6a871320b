import type { ScoreColumns } from '../domain/evaluation/fold-columns.ts'
import { mergeColumns } from '../domain/evaluation/merge-columns.ts'
import { instant, whole } from './chunks.ts'
import { copyOut } from './copy.ts'
import { createCopyReader } from './copy-reader.ts'
import { FIRST_OF_WINDOW, newestOfChunks, readScoreChunks, windowOfScore } from './score-chunks.ts'
import { timestampToUs, toUsOrNull } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface ScoreSeriesQuery {
  readonly assetRefs: readonly number[]
  /** Scores of any release of this model count: they differ in policy alone, and score and confidence do not depend on it. */
  readonly modelVersionRef: number
  /** Windows ending in (from, to]. */
  readonly fromUs: number
  readonly toUs: number
  /** Scores of windows computed from commits up to here. */
  readonly commitNumber: number
  /** What is wanted of each window, as rules name it: `confidence`, `score`, `feature:…`. */
  readonly signals: readonly string[]
  /** Of the model's feature set, in its order. */
  readonly featureNames: readonly string[]
}

/**
 * Stored scores as columns, by asset; assets without any are absent. Of each window the first revision that was
 * scored: what was known when its decision fell due, which no later revision and no rescore changes. What the keeper has packed comes
 * out of chunks, what is newer out of the scores themselves; where features are watched, all does.
 */
export async function readScoreSeries(tx: Tx, query: ScoreSeriesQuery): Promise<Map<number, ScoreColumns>> {
  const releases = await releasesOf(tx, query.modelVersionRef)
  const found = new Map<number, ScoreColumns>()
  if (releases.length === 0) return found
  const rows = async (where: string): Promise<void> => {
    for (const [assetRef, columns] of readRows(await copyOut(tx, scoreRows(query, releases, where)), query.signals)) {
      const known = found.get(assetRef)
      found.set(assetRef, known === undefined ? columns : mergeColumns(known, columns))
    }
  }
  const ofAsset = (assetRef: number, { fromUs, toUs } = query): Promise<void> =>
    rows(`s.asset_ref = ${whole(assetRef)} and s.window_end > ${instant(fromUs)} and s.window_end <= ${instant(toUs)}`)

  const chunked = query.signals.some((signal) => signal.startsWith('feature:')) ? new Map<number, number>() : await chunkedThrough(tx, query.assetRefs)
  // Asset by asset: each is one walk along an index, in the order wanted.
  for (const assetRef of query.assetRefs) if (!chunked.has(assetRef)) await ofAsset(assetRef)
  if (chunked.size === 0) return found
  const assetRefs = [...chunked.keys()]
  const { columns, left } = await readScoreChunks(tx, { ...query, assetRefs, confidence: query.signals.includes('confidence'), score: query.signals.includes('score') })
  for (const [assetRef, packed] of columns) found.set(assetRef, packed)
  for (const { assetRef, ...span } of left) await ofAsset(assetRef, { ...query, ...span })
  const since = Math.min(...chunked.values())
  await rows(`s.score_id > ${whole(since)} and s.asset_ref in (${assetRefs.map(whole).join(', ')}) and s.window_end > ${instant(query.fromUs)} and s.window_end <= ${instant(query.toUs)}`)
  return found
}

/** The releases that bind a model: looked up first, since no planner knows how few they are. */
async function releasesOf(tx: Tx, modelVersionRef: number): Promise<number[]> {
  const { rows } = await tx.query<{ release_ref: number }>('select release_ref from release where model_version_ref = $1', [modelVersionRef])
  return rows.map(({ release_ref }) => release_ref)
}

async function chunkedThrough(tx: Tx, assetRefs: readonly number[]): Promise<Map<number, number>> {
  const { rows } = await tx.query<{ asset_ref: number; through_score_id: string }>(
    'select asset_ref, through_score_id from score_chunked where asset_ref = any($1::int[])', [assetRefs])
  return new Map(rows.map((row) => [row.asset_ref, Number(row.through_score_id)]))
}

/** Values go into the text because COPY takes no parameters; all are numbers. */
function scoreRows({ commitNumber, signals, featureNames }: ScoreSeriesQuery, releases: readonly number[], where: string): string {
  const wanted = signals.map((signal, i) => `${signalColumn(signal, featureNames)} as signal_${i}`)
  return `select distinct on (s.asset_ref, s.window_end) ${['s.asset_ref', 's.window_end', 's.suppressed', ...wanted].join(', ')}
    from score s ${windowOfScore}
    where ${where} and s.rescore_ref is null and s.release_ref in (${releases.map(whole).join(', ')}) and w.commit_number <= ${whole(commitNumber)}
    order by s.asset_ref, s.window_end, ${FIRST_OF_WINDOW}`
}

/** Only names of this program's own get into the text; a feature becomes its place, one nobody computes a null. */
export function signalColumn(signal: string, featureNames: readonly string[]): string {
  if (signal === 'confidence' || signal === 'score') return `s.${signal}`
  const place = featureNames.indexOf(signal.slice('feature:'.length))
  return place < 0 ? 'null::float8' : `w.feature_values[${place + 1}]`
}

function readRows(bytes: Buffer, signals: readonly string[]): Map<number, ScoreColumns> {
  interface Growing { ends: number[]; suppressed: number[]; columns: number[][] }
  const growing = new Map<number, Growing>()
  const reader = createCopyReader(bytes)
  let last: { assetRef: number; into: Growing } | undefined
  while (reader.next()) {
    const assetRef = reader.int4() as number
    if (last?.assetRef !== assetRef) {
      last = { assetRef, into: { ends: [], suppressed: [], columns: signals.map(() => []) } }
      growing.set(assetRef, last.into)
    }
    const { ends, suppressed, columns } = last.into
    ends.push(reader.timestamp() as number)
    suppressed.push(Number(reader.bool()))
    for (const column of columns) column.push(reader.float8() ?? NaN)
  }
  return new Map([...growing].map(([assetRef, { ends, suppressed, columns }]) => [assetRef, {
    endUs: Float64Array.from(ends), suppressed: Uint8Array.from(suppressed),
    signals: new Map(signals.map((signal, i) => [signal, Float64Array.from(columns[i] as number[])])),
  }]))
}

/** Nearly always holds the newest window of a lane that goes on; looked at before all of the asset's. */
const LATELY_US = 86_400_000_000

/**
 * When the newest window was that this model scored from commits up to a number; null without any. Out of chunks and of
 * what is newer than they are: to walk down the index until a score fits, the planner would rather sort all of an asset's.
 */
export async function newestScoreEnd(tx: Tx, modelVersionRef: number, assetRefs: readonly number[], commitNumber: number): Promise<number | null> {
  const releases = await releasesOf(tx, modelVersionRef)
  const newest = async (where: string): Promise<number> => {
    if (releases.length === 0) return -Infinity
    const { rows } = await tx.query<{ end_us: string | null }>(
      `select ${timestampToUs('max(s.window_end)')} as end_us from score s ${windowOfScore}
       where ${where} and s.rescore_ref is null and s.release_ref in (${releases.map(whole).join(', ')}) and w.commit_number <= ${whole(commitNumber)}`)
    return toUsOrNull(rows[0]?.end_us ?? null) ?? -Infinity
  }
  const chunked = await chunkedThrough(tx, assetRefs)
  let found = -Infinity
  if (chunked.size > 0) {
    const { endUs, left } = await newestOfChunks(tx, { assetRefs: [...chunked.keys()], modelVersionRef, commitNumber })
    const tail = await newest(`s.score_id > ${whole(Math.min(...chunked.values()))} and s.asset_ref in (${[...chunked.keys()].map(whole).join(', ')})`)
    found = Math.max(endUs ?? -Infinity, tail)
    for (const { assetRef, fromUs, toUs } of left) {
      if (toUs > found) found = Math.max(found, await newest(`s.asset_ref = ${whole(assetRef)} and s.window_end >= ${instant(fromUs)} and s.window_end < ${instant(toUs)}`))
    }
  }
  for (const assetRef of assetRefs.filter((ref) => !chunked.has(ref))) {
    const ofAsset = `s.asset_ref = ${whole(assetRef)}`
    const lately = await newest(`${ofAsset} and s.window_end > (select max(l.closed_through) from asset_lane l where l.asset_ref = ${whole(assetRef)}) - ${LATELY_US} * interval '1 microsecond'`)
    found = Math.max(found, lately === -Infinity ? await newest(ofAsset) : lately)
  }
  return found === -Infinity ? null : found
}
