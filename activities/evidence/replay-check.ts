import type { AssetSeries } from '../../registry/domain/evaluation/fold-columns.ts'
import { platformActor } from '../../registry/domain/access/rights.ts'
import { checkReplay, type ReplayDeps } from '../../registry/services/replay/replay-score.ts'
import type { SliceAsset } from '../../registry/store/judged-slice.ts'
import { linksAt } from '../../registry/store/score-links.ts'
import type { Tx } from '../../registry/store/transaction.ts'

/** Enough to meet what is wrong with a model, a runtime or a month of readings; each takes milliseconds. */
const SAMPLED = 20

export interface ReplayCheck {
  readonly sampled: number
  readonly exact: number
  readonly equivalent: number
  /** Readings or model of then are gone by retention. */
  readonly expired: number
  readonly failed: number
  /** Where the first failed one differs. */
  readonly firstFailure: { readonly score: string; readonly difference: unknown } | null
}

/** Stored scores of a slice to be replayed, spread evenly over its machines and time. */
export async function replaySample(tx: Tx, modelVersionRef: number, assets: readonly SliceAsset[], series: readonly AssetSeries[]): Promise<string[]> {
  const refs = new Map(assets.map(({ assetId, assetRef }) => [assetId, assetRef]))
  const places = evenly(series, SAMPLED).map(({ asset, endUs }) => ({ assetRef: refs.get(asset) ?? 0, endUs }))
  return (await linksAt(tx, modelVersionRef, places)).flatMap(({ score }) => (score === null ? [] : [score]))
}

/** Replays scores and counts what came of it; null where there are none. A failed one is an incident, announced as such once a gate. */
export async function replayCheck(
  deps: Pick<ReplayDeps, 'pool' | 'nowUs' | 'scorer'>, { site, gateId }: { site: string; gateId: string }, scores: readonly string[], progress: () => void,
): Promise<ReplayCheck | null> {
  if (scores.length === 0) return null
  const counts = { exact: 0, equivalent: 0, expired: 0, failed: 0 }
  let firstFailure: ReplayCheck['firstFailure'] = null
  for (const scoreId of scores) {
    const replay = await checkReplay(deps, platformActor('evidence'), { site, scoreId }, `gate/${gateId}`)
    counts[replay.class]++
    if (replay.class === 'failed') firstFailure ??= { score: scoreId, difference: replay.firstDifference }
    progress()
  }
  return { sampled: scores.length, ...counts, firstFailure }
}

/** So many windows out of all, the same whoever picks: the same slice has the same sample. */
function evenly(series: readonly AssetSeries[], most: number): { asset: string; endUs: number }[] {
  const total = series.reduce((sum, { columns }) => sum + columns.endUs.length, 0)
  const picked: { asset: string; endUs: number }[] = []
  let before = 0
  for (const { asset, columns: { endUs } } of series) {
    for (let k = picked.length; k < most; k++) {
      const place = Math.floor(((k + 0.5) * total) / most) - before
      if (place >= endUs.length) break
      picked.push({ asset, endUs: endUs[place] as number })
    }
    before += endUs.length
  }
  return picked
}
