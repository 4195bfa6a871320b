import type { Lane, Mode } from '../../registry/domain/contract/batch.ts'
import { endAfter } from '../../registry/domain/windows/timing.ts'
import { knownWithin, type RoleTag } from '../../registry/domain/windows/window-readings.ts'
import type { AssetLane } from '../../registry/store/asset-lanes.ts'
import { loadChunks, type ChunkCache, type TagSpan } from '../../registry/store/chunks.ts'
import type { FeatureWindow } from '../../registry/store/feature-windows.ts'
import type { StoredEnd } from '../../registry/store/rescore-windows.ts'
import { lastCommit } from '../../registry/store/site-progress.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import { loadWaveforms } from '../../registry/store/waveforms.ts'
import type { KnownFeatureSet } from '../windows/definitions.ts'
import { computeWindow } from '../windows/features.ts'
import type { Pulse } from '../windows/pulse.ts'

export interface Missing {
  readonly assetRef: number
  readonly set: KnownFeatureSet
  readonly sets: ReadonlyMap<number, KnownFeatureSet>
  readonly tags: readonly RoleTag[]
  readonly ends: readonly StoredEnd[]
  readonly afterUs: number
  readonly lanes: readonly AssetLane[]
  readonly chunks: ChunkCache
}

/**
 * Windows of a feature set for a time that another one measured: a release that was not in force then has none of its own.
 * One for every end of its grid within the hop of a stored window, from the readings known now. Those that its own lane has
 * yet to close are left to it. Revisions are not numbered.
 */
export async function measureMissing(tx: Tx, missing: Missing, pulse: Pulse): Promise<FeatureWindow[]> {
  const wanted = missingEnds(missing)
  if (wanted.size === 0) return []
  const { assetRef, set, tags, chunks } = missing
  const commit = await lastCommit(tx, tx.site)
  const ends = [...wanted.keys()].sort((a, b) => a - b)
  const [fromUs, toUs] = [(ends[0] as number) - set.set.windowUs, ends.at(-1) as number]
  const spans = (kind: RoleTag['kind']): TagSpan[] =>
    [...new Set(tags.filter((tag) => tag.kind === kind).map(({ tagRef }) => tagRef))].map((tagRef) => ({ tagRef, fromUs, toUs }))
  const known = { chunks: await loadChunks(tx, spans('scalar'), commit, chunks), waveforms: await loadWaveforms(tx, spans('waveform'), commit) }
  const windows: FeatureWindow[] = []
  for (const endUs of ends) {
    const features = computeWindow(set, tags, knownWithin(tags, known, endUs - set.set.windowUs, endUs), commit, endUs)
    if (features !== undefined) windows.push({ ...features, assetRef, revision: 0, ...wanted.get(endUs) as Cause })
    await pulse()
  }
  return windows
}

interface Cause { readonly lane: Lane; readonly mode: Mode; readonly traceId: string }

function missingEnds({ set, sets, ends, afterUs, lanes }: Missing): Map<number, Cause> {
  const closed = new Map(lanes.filter(({ featureSetRef }) => featureSetRef === set.featureSetRef).map(({ lane, closedThroughUs }) => [lane, closedThroughUs]))
  const there = new Set(ends.filter(({ windowId }) => windowId !== null).map(({ endUs }) => endUs))
  const wanted = new Map<number, Cause>()
  for (const { windowId, endUs: storedUs, featureSetRef, lane, mode, traceId } of ends) {
    if (windowId !== null) continue
    const { hopUs } = (sets.get(featureSetRef) as KnownFeatureSet).set
    const throughUs = Math.min(storedUs, closed.get(lane) ?? Infinity)
    for (let endUs = endAfter(set.set, Math.max(storedUs - hopUs, afterUs)); endUs <= throughUs; endUs += set.set.hopUs) {
      if (!there.has(endUs)) wanted.set(endUs, { lane, mode, traceId })
    }
  }
  return wanted
}
