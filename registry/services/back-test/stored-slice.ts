import type { AssetSeries } from '../../domain/evaluation/fold-columns.ts'
import type { Comparison, AlertChange, AlertMove } from '../../domain/evaluation/compare-runs.ts'
import { isoToMicros } from '../../domain/contract/time.ts'
import type { Policy } from '../../domain/policy/policy.ts'
import type { SliceAsset } from '../../store/judged-slice.ts'
import { linksAt, type ScoreLink } from '../../store/score-links.ts'
import { newestScoreEnd, readScoreSeries } from '../../store/score-series.ts'
import type { Tx } from '../../store/transaction.ts'

export interface StoredSliceQuery {
  readonly assets: readonly SliceAsset[]
  readonly modelVersionRef: number
  readonly featureNames: readonly string[]
  /** What any of these watches is read. */
  readonly policies: readonly Pick<Policy, 'rules'>[]
  /** Back from the newest stored score. */
  readonly spanUs: number
  readonly commitNumber: number
}

/** What a model said over the last days, as it was stored. */
export interface StoredSlice { readonly fromUs: number; readonly toUs: number; readonly series: readonly AssetSeries[] }

/** Null where the model has no stored score of any of the assets. */
export async function readStoredSlice(tx: Tx, { assets, policies, spanUs, ...query }: StoredSliceQuery): Promise<StoredSlice | null> {
  const assetRefs = assets.map(({ assetRef }) => assetRef)
  const toUs = await newestScoreEnd(tx, query.modelVersionRef, assetRefs, query.commitNumber)
  if (toUs === null) return null
  const columns = await readScoreSeries(tx, { ...query, assetRefs, fromUs: toUs - spanUs, toUs, signals: signalsOf(policies) })
  const series = assets.flatMap(({ assetRef, assetId }) => {
    const found = columns.get(assetRef)
    return found === undefined ? [] : [{ asset: assetId, columns: found }]
  })
  const firstUs = series.reduce((first, { columns: { endUs } }) => Math.min(first, endUs[0] as number), toUs)
  return { fromUs: firstUs, toUs, series }
}

/** The confidence always: how it is spread is part of what people look at. */
export const signalsOf = (policies: readonly Pick<Policy, 'rules'>[]): string[] =>
  [...new Set(['confidence', ...policies.flatMap(({ rules }) => rules.map(({ signal }) => signal))])]

/** By what a change can be looked into: the stored score that raises it, the stored alert that it would have been. */
export type LinkedChange<Change> = Change & { readonly score: string | null; readonly alert: string | null }
export type LinkedComparison = Omit<Comparison, 'gained' | 'lost' | 'moved'> & {
  readonly gained: readonly LinkedChange<AlertChange>[]
  readonly lost: readonly LinkedChange<AlertChange>[]
  readonly moved: readonly LinkedChange<AlertMove>[]
}

/** Ties each change to stored scores and alerts: what is gained or moved to the new run's score, what is lost to the old one's. */
export async function linkChanges(
  tx: Tx, comparison: Comparison, assets: readonly SliceAsset[], models: { readonly before: number; readonly after: number },
): Promise<LinkedComparison> {
  const refs = new Map(assets.map(({ assetId, assetRef }) => [assetId, assetRef]))
  const links = (model: number, changes: readonly { asset: string; rule: string; at: string }[]) => linksAt(tx, model, changes.map(({ asset, rule, at }) => (
    { assetRef: refs.get(asset) ?? 0, endUs: isoToMicros(at), rule })))
  const raised = (change: AlertChange) => ({ ...change, at: change.raised })
  const gained = await links(models.after, comparison.gained.map(raised))
  const lost = await links(models.before, comparison.lost.map(raised))
  const [movedTo, movedFrom] = [await links(models.after, comparison.moved.map(raised)), await links(models.before, comparison.moved.map((move) => ({ ...move, at: move.before })))]
  const none: ScoreLink = { score: null, alert: null }
  return {
    ...comparison,
    gained: comparison.gained.map((change, i) => ({ ...change, ...gained[i] ?? none })),
    lost: comparison.lost.map((change, i) => ({ ...change, ...lost[i] ?? none })),
    moved: comparison.moved.map((change, i) => ({ ...change, score: movedTo[i]?.score ?? null, alert: movedFrom[i]?.alert ?? null })),
  }
}
