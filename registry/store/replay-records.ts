import type { FeatureSet } from '../domain/features/feature-set.ts'
import { featureSetDefinitions, releaseDefinitions, roleTagsOf, tagsForRoles, type ReleaseDefinition } from './judging-definitions.ts'
import { featureSetRoles } from '../domain/features/feature-set.ts'
import type { KnownReadings, RoleTag } from '../domain/windows/window-readings.ts'
import { loadChunks, type TagSpan } from './chunks.ts'
import { findFeatureWindow, type StoredFeatureWindow } from './feature-windows.ts'
import { findScore, type StoredScore } from './scores.ts'
import { utcMonth } from './sql-time.ts'
import type { Tx } from './transaction.ts'
import { loadWaveforms } from './waveforms.ts'

/** Everything in the store that a score can be computed again from. */
export interface ReplayRecord {
  readonly score: StoredScore
  readonly window: StoredFeatureWindow
  /** Id of the machine. */
  readonly asset: string
  readonly release: ReleaseDefinition
  /** Training runtime and the tolerance of an equivalent replay, as the model was registered with. */
  readonly modelRuntime: Record<string, unknown>
  readonly featureSet: { readonly set: FeatureSet; readonly digest: string }
  readonly tags: readonly RoleTag[]
  readonly readings: KnownReadings
  /** Months of readings that retention has removed, of those the window reaches into. */
  readonly monthsGone: readonly string[]
}

/** The record of a score with the readings that were known as of its window's commit number; undefined when there is no such score. */
export async function readReplayRecord(tx: Tx, scoreId: string): Promise<ReplayRecord | undefined> {
  const score = await findScore(tx, scoreId)
  const window = score && await findFeatureWindow(tx, score.windowId)
  if (score === undefined || window === undefined) return undefined
  const [release] = await releaseDefinitions(tx, [score.releaseRef])
  const [featureSet] = await featureSetDefinitions(tx, [window.featureSetRef])
  if (release === undefined || featureSet === undefined) throw new Error(`the release or feature set of score ${scoreId} is gone`)
  const { rows } = await tx.query<{ runtime: Record<string, unknown>; asset: string }>(
    'select m.runtime, a.asset_id as asset from model_version m, asset a where m.model_version_ref = $1 and a.asset_ref = $2', [release.model.modelVersionRef, window.assetRef])
  const named = rows[0] as { runtime: Record<string, unknown>; asset: string }
  const tags = tagsForRoles((await roleTagsOf(tx, [window.assetRef])).get(window.assetRef) ?? [], featureSetRoles(featureSet.set))
  return {
    score, window, asset: named.asset, release, featureSet, tags, modelRuntime: named.runtime,
    readings: await readingsOf(tx, tags, window), monthsGone: await missingMonths(tx, window.startUs, window.endUs),
  }
}

/** What was known of a window's tags as of its commit number, straight from the store. */
export async function readingsOf(tx: Tx, tags: readonly RoleTag[], window: { startUs: number; endUs: number; commitNumber: number }): Promise<KnownReadings> {
  const spans = (kind: RoleTag['kind']): TagSpan[] => [...new Set(tags.filter((tag) => tag.kind === kind).map((tag) => tag.tagRef))]
    .map((tagRef) => ({ tagRef, fromUs: window.startUs, toUs: window.endUs }))
  return {
    chunks: await loadChunks(tx, spans('scalar'), window.commitNumber),
    waveforms: await loadWaveforms(tx, spans('waveform'), window.commitNumber),
  }
}

/** Retention removes whole months; a month without its partition was removed, since scores made from it exist. */
async function missingMonths(tx: Tx, fromUs: number, toUs: number): Promise<string[]> {
  const months = [...new Set([utcMonth(fromUs), utcMonth(toUs - 1)])]
  const { rows } = await tx.query<{ month: string }>(
    `select month from unnest($1::text[]) as u(month) where to_regclass('reading_chunk_' || replace(left(month, 7), '-', '')) is null`, [months])
  return rows.map((row) => row.month.slice(0, 7))
}
