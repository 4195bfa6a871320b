import { setImmediate as breathe } from 'node:timers/promises'
import type { AssetSeries } from '../../registry/domain/evaluation/fold-columns.ts'
import { watchedFeature } from '../../registry/domain/policy/policy.ts'
import { createCalibrator } from '../../registry/domain/scoring/calibration.ts'
import type { ReleaseDefinition, FeatureSetDefinition } from '../../registry/store/judging-definitions.ts'
import { isSuppressed, type OutOfService } from '../../registry/store/maintenance.ts'
import type { SliceAsset } from '../../registry/store/judged-slice.ts'
import type { TrainingWindow } from '../../registry/store/training-windows.ts'
import type { ModelCache } from '../models/load-model.ts'
import { SCORING_BATCH } from '../../registry/domain/models/model.ts'

export interface Computing {
  readonly models: ModelCache
  readonly release: ReleaseDefinition
  readonly set: FeatureSetDefinition
  readonly assets: readonly SliceAsset[]
  /** By time. */
  readonly windows: readonly TrainingWindow[]
  readonly stops: OutOfService
  readonly progress: () => void
}

/** What a release's model says of stored windows, for one that has not judged them. */
export async function computeSeries({ models, release, set, assets, windows, stops, progress }: Computing): Promise<AssetSeries[]> {
  const model = await models.get(release.model.artifactKey, release.model.digest)
  const scores = new Float64Array(windows.length)
  const width = model.featureCount
  for (let from = 0; from < windows.length; from += SCORING_BATCH) {
    const part = windows.slice(from, from + SCORING_BATCH)
    const matrix = new Float64Array(width * part.length)
    part.forEach((window, i) => matrix.set(window.values, i * width))
    scores.set(model.scoreRows(matrix, part.length).scores, from)
    progress()
    await breathe()
  }
  const calibrate = createCalibrator(release.calibration)
  const names = set.set.features.map((feature) => feature.name)
  const watched = [...new Set(release.policy.rules.flatMap((rule) => watchedFeature(rule) ?? []))]
  return assets.flatMap(({ assetRef, assetId }) => {
    const rows = windows.flatMap((window, i) => (window.assetRef === assetRef ? [i] : []))
    if (rows.length === 0) return []
    const column = (value: (window: TrainingWindow, i: number) => number) => Float64Array.from(rows, (i) => value(windows[i] as TrainingWindow, i))
    return [{
      asset: assetId,
      columns: {
        endUs: column(({ endUs }) => endUs),
        suppressed: Uint8Array.from(rows, (i) => Number(isSuppressed(stops, windows[i] as TrainingWindow))),
        signals: new Map([
          ['score', column((_, i) => scores[i] as number)], ['confidence', column((_, i) => calibrate(scores[i] as number).confidence)],
          ...watched.map((name) => [`feature:${name}`, column(({ values }) => values[names.indexOf(name)] ?? NaN)] as const),
        ]),
      },
    }]
  })
}
