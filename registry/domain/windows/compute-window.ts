import { computeFeatures } from '../features/compute.ts'
import type { FeatureSet } from '../features/feature-set.ts'
import { assembleWindow, type KnownReadings, type RoleTag } from './window-readings.ts'

export interface WindowFeatures {
  readonly startUs: number
  readonly endUs: number
  /** In the order of the feature set; NaN where missing. */
  readonly values: Float64Array
  readonly goodFraction: number
  /** Source time of the newest reading and landing time of the newest batch it was computed from. */
  readonly sourceUs: number
  readonly ingestUs: number
}

/** One window's features from what was known as of a commit, or undefined when it has no reading or too few good ones. */
export function computeWindow(
  set: FeatureSet, tags: readonly RoleTag[], known: KnownReadings, asOfCommit: number, endUs: number,
): WindowFeatures | undefined {
  const startUs = endUs - set.windowUs
  const { input, sourceUs, ingestUs } = assembleWindow(tags, known, asOfCommit, startUs, endUs)
  if (sourceUs === -Infinity) return undefined
  const { values, goodFraction } = computeFeatures(set, input)
  if (!(goodFraction >= set.minGoodFraction)) return undefined
  return { startUs, endUs, values, goodFraction, sourceUs, ingestUs }
}
