import { computeWindow as windowFeatures } from '../../registry/domain/windows/compute-window.ts'
import { occupiedEnds } from '../../registry/domain/windows/due.ts'
import { knownWithin, nextReadingUs, type KnownReadings, type RoleTag } from '../../registry/domain/windows/window-readings.ts'
import type { CommittedBatch } from '../../registry/store/asset-lanes.ts'
import type { FeatureWindow } from '../../registry/store/feature-windows.ts'
import type { KnownFeatureSet } from './definitions.ts'
import type { LanePlan } from './lane-plan.ts'
import type { Pulse } from './pulse.ts'

/** The due windows of one lane that have readings, each as of the commit that made it due, in order; revisions not yet numbered. */
export async function computeDueWindows(
  plan: LanePlan, known: KnownReadings, batches: ReadonlyMap<number, CommittedBatch>, pulse: Pulse,
): Promise<FeatureWindow[]> {
  const windows: FeatureWindow[] = []
  for (const range of plan.ranges) {
    const cause = batches.get(range.commitNumber) as CommittedBatch
    const { windowUs, hopUs } = plan.set.set
    const near = knownWithin(plan.tags, known, range.afterUs + hopUs - windowUs, range.throughUs)
    const ends = occupiedEnds(plan.set.set, range, (fromUs) => nextReadingUs(plan.tags, near, range.commitNumber, fromUs))
    for (const endUs of ends) {
      const features = windowFeatures(plan.set.set, plan.tags, near, range.commitNumber, endUs)
      if (features !== undefined) {
        // Every field by its name: spreading costs as much as a tenth of the features, and windows come by the thousand.
        windows.push({
          assetRef: plan.lane.assetRef, featureSetRef: plan.set.featureSetRef, startUs: features.startUs, endUs, revision: 0, lane: plan.lane.lane,
          mode: cause.mode, commitNumber: range.commitNumber, sourceUs: features.sourceUs, ingestUs: features.ingestUs, values: features.values,
          goodFraction: features.goodFraction, traceId: cause.traceId,
        })
      }
      await pulse()
    }
  }
  return windows
}

export type ComputedWindow = Pick<FeatureWindow,
  'featureSetRef' | 'startUs' | 'endUs' | 'commitNumber' | 'values' | 'goodFraction' | 'sourceUs' | 'ingestUs'>

/** One window from what is known, or undefined when it has no reading or too few good ones. */
export function computeWindow(
  { set, featureSetRef }: KnownFeatureSet, tags: readonly RoleTag[], known: KnownReadings, commitNumber: number, endUs: number,
): ComputedWindow | undefined {
  const features = windowFeatures(set, tags, known, commitNumber, endUs)
  return features && { ...features, featureSetRef, commitNumber }
}
