import { isScalarFeature, type Feature, type FeatureSet, type ScalarFeature, type WaveformFeature } from './feature-set.ts'
import { scalarStatistics, type ScalarStatistics } from './time-domain.ts'
import { createWaveformAnalysis, waveformFeature } from './waveform-features.ts'
import {
  selectScalars, selectWaveforms, type SelectedScalars, type SelectedWaveforms, type WindowInput,
} from './window-input.ts'

export interface ComputedFeatures {
  /** In the order of the feature set; NaN where missing. */
  values: Float64Array
  /** Names of the features without a value, in the order of the feature set. */
  missing: string[]
  /** Mean over the set's roles of the share of readings (samples) in the window that count; a silent role has 0. */
  goodFraction: number
}

interface RolePlan {
  role: string
  acceptUncertain: boolean
  /** `least`: the fewest readings that give this feature. */
  scalars: { at: number; kind: ScalarFeature['kind']; least: number }[]
  waveforms: { at: number; feature: WaveformFeature }[]
}

/** A set that is used again finds its plan: features grouped by role, so that each role's readings are read once. */
const planned = new WeakMap<FeatureSet, RolePlan[]>()

/** Fewer readings than this have no such statistic, whatever the definition says. */
const MIN_COUNT: Partial<Record<Feature['kind'], number>> = {
  std: 2, slope: 2, skewness: 3, kurtosis: 4, wave_std: 2, wave_skewness: 3, wave_kurtosis: 4,
  band_rms: 16, band_peak_amplitude: 16, band_peak_frequency: 16, envelope_defect: 16,
}

/**
 * Computes every feature of one window from that window alone: no state is carried over, and the result is the same to
 * the bit however the readings were chunked or ordered. `featureSet` must not be changed afterwards.
 *
 * A feature is missing when fewer than `minGoodFraction` of its role's readings in the window count, when too few are
 * left, or when the statistic does not exist (the kurtosis of a constant). `count` of a silent role is 0, not missing.
 */
export function computeFeatures(featureSet: FeatureSet, window: WindowInput): ComputedFeatures {
  let plan = planned.get(featureSet)
  if (plan === undefined) {
    plan = planRoles(featureSet)
    planned.set(featureSet, plan)
  }
  const values = new Float64Array(featureSet.features.length).fill(NaN)
  let fractions = 0
  let roles = 0
  for (const role of plan) {
    if (role.scalars.length > 0) {
      fractions += computeScalars(role, featureSet, window, values)
      roles++
    }
    if (role.waveforms.length > 0) {
      fractions += computeWaveforms(role, featureSet, window, values)
      roles++
    }
  }
  const missing: string[] = []
  featureSet.features.forEach((feature, i) => {
    if (Number.isFinite(values[i])) return
    values[i] = NaN
    missing.push(feature.name)
  })
  return { values, missing, goodFraction: fractions / roles }
}

function planRoles(featureSet: FeatureSet): RolePlan[] {
  const byKey = new Map<string, RolePlan>()
  featureSet.features.forEach((feature, at) => {
    const key = `${feature.acceptUncertain ? '~' : '='}${feature.role}`
    let role = byKey.get(key)
    if (role === undefined) {
      role = { role: feature.role, acceptUncertain: feature.acceptUncertain, scalars: [], waveforms: [] }
      byKey.set(key, role)
    }
    if (isScalarFeature(feature)) role.scalars.push({ at, kind: feature.kind, least: leastCount(feature) })
    else role.waveforms.push({ at, feature })
  })
  return [...byKey.values()]
}

function computeScalars(role: RolePlan, set: FeatureSet, window: WindowInput, values: Float64Array): number {
  const selected = scalarsOf(role.role, window, role.acceptUncertain)
  const count = selected?.values.length ?? 0
  const fraction = selected === undefined || selected.present === 0 ? 0 : count / selected.present
  let statistics: ScalarStatistics | undefined
  for (const { at, kind, least } of role.scalars) {
    if (kind === 'count') values[at] = count
    else if (selected !== undefined && fraction >= set.minGoodFraction && count >= least) {
      statistics ??= scalarStatistics(selected.timesUs, selected.values)
      values[at] = statistics[kind]
    }
  }
  return fraction
}

function computeWaveforms(role: RolePlan, set: FeatureSet, window: WindowInput, values: Float64Array): number {
  const chunks = window.waveforms.get(role.role)
  const selected: SelectedWaveforms = chunks === undefined
    ? { present: 0, runs: [] }
    : selectWaveforms(chunks, window.startUs, window.endUs, role.acceptUncertain)
  const count = selected.runs.reduce((sum, run) => sum + run.samples.length, 0)
  const fraction = selected.present === 0 ? 0 : count / selected.present
  const analysis = createWaveformAnalysis(selected.runs)
  for (const { at, feature } of role.waveforms) {
    if (feature.kind === 'wave_count') values[at] = count
    else if (count > 0 && fraction >= set.minGoodFraction && count >= leastCount(feature)) {
      values[at] = waveformFeature(feature, analysis, (speed) => meanOfRole(speed, window, role.acceptUncertain))
    }
  }
  return fraction
}

function scalarsOf(role: string, window: WindowInput, acceptUncertain: boolean): SelectedScalars | undefined {
  const series = window.scalars.get(role)
  return series === undefined ? undefined : selectScalars(series, window.startUs, window.endUs, acceptUncertain)
}

function meanOfRole(role: string, window: WindowInput, acceptUncertain: boolean): number {
  const selected = scalarsOf(role, window, acceptUncertain)
  if (selected === undefined || selected.values.length === 0) return NaN
  return selected.values.reduce((sum, value) => sum + value, 0) / selected.values.length
}

function leastCount(feature: Feature): number {
  return Math.max(feature.minCount ?? 1, MIN_COUNT[feature.kind] ?? 1)
}
