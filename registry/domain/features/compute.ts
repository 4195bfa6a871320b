import type { BandKind, Feature, FeatureSet, ScalarKind, WaveKind } from './feature-set.ts'
import { isScalarFeature } from './feature-set.ts'
import { defectAmplitude, defectFrequencies } from './bearing.ts'
import { bandPower, envelopeSpectrum, peakInBand, welchDensity, type Spectrum } from './spectrum.ts'
import { scalarStatistics, waveStatistics, type ScalarStatistics, type WaveStatistics } from './time-domain.ts'
import {
  selectScalars, selectWaveforms,
  type SelectedScalars, type SelectedWaveforms, type WaveformRun, type WindowInput,
} from './window-input.ts'

export interface ComputedFeatures {
  /** In the order of the feature set; NaN where missing. */
  values: Float64Array
  /** Names of the features without a value, in the order of the feature set. */
  missing: string[]
  /** Mean over the set's roles of the share of readings (samples) in the window that count; a silent role has 0. */
  goodFraction: number
}

type ScalarFeature = Extract<Feature, { kind: ScalarKind }>
type WaveFeature = Extract<Feature, { kind: WaveKind }>
type BandFeature = Extract<Feature, { kind: BandKind }>
type DefectFeature = Extract<Feature, { kind: 'envelope_defect' }>

interface RolePlan {
  role: string
  acceptUncertain: boolean
  scalars: { at: number; feature: ScalarFeature }[]
  waveforms: { at: number; feature: Exclude<Feature, ScalarFeature> }[]
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
    if (isScalarFeature(feature)) role.scalars.push({ at, feature })
    else role.waveforms.push({ at, feature })
  })
  return [...byKey.values()]
}

function computeScalars(role: RolePlan, set: FeatureSet, window: WindowInput, values: Float64Array): number {
  const selected = scalarsOf(role.role, window, role.acceptUncertain)
  const count = selected?.values.length ?? 0
  const fraction = selected === undefined || selected.present === 0 ? 0 : count / selected.present
  let statistics: ScalarStatistics | undefined
  for (const { at, feature } of role.scalars) {
    if (feature.kind === 'count') values[at] = count
    else if (selected !== undefined && fraction >= set.minGoodFraction && count >= leastCount(feature)) {
      statistics ??= scalarStatistics(selected.timesUs, selected.values)
      values[at] = statistics[feature.kind]
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
  const analysis = createAnalysis(selected.runs)
  for (const { at, feature } of role.waveforms) {
    if (feature.kind === 'wave_count') values[at] = count
    else if (count > 0 && fraction >= set.minGoodFraction && count >= leastCount(feature)) {
      values[at] = waveformFeature(feature, analysis, window)
    }
  }
  return fraction
}

function waveformFeature(feature: Exclude<Feature, ScalarFeature>, analysis: Analysis, window: WindowInput): number {
  switch (feature.kind) {
    case 'envelope_defect':
      return envelopeDefect(feature, analysis, window)
    case 'band_rms':
    case 'band_peak_amplitude':
    case 'band_peak_frequency':
      return bandFeature(feature, analysis)
    default:
      return analysis.statistics()[waveField(feature)]
  }
}

function waveField(feature: WaveFeature): keyof WaveStatistics {
  const name = feature.kind.slice('wave_'.length)
  return name === 'peak_to_peak' ? 'peakToPeak' : (name as keyof WaveStatistics)
}

/**
 * Runs are weighted by their samples. `band_peak_amplitude` is of a sine's RMS-averaged spectrum: the peak of the mean
 * density, times √(2·ENBW), so that a sine on a bin shows its amplitude.
 */
function bandFeature(feature: BandFeature, analysis: Analysis): number {
  const { loHz, hiHz, segment } = feature.params
  const parts = analysis.densities(segment)
  if (feature.kind === 'band_rms') {
    return Math.sqrt(weightedMean(parts.map((p) => [bandPower(p.spectrum, loHz, hiHz), p.weight])))
  }
  const peaks = parts.flatMap(({ spectrum, weight }) => {
    const peak = peakInBand(spectrum, loHz, hiHz)
    return peak === undefined ? [] : [{ ...peak, weight, spectrum }]
  })
  if (peaks.length === 0) return NaN
  if (feature.kind === 'band_peak_frequency') {
    return peaks.reduce((best, peak) => (peak.amplitude > best.amplitude ? peak : best)).frequencyHz
  }
  // A periodic Hann window spreads a sine's power over 1.5 bins.
  return Math.sqrt(weightedMean(peaks.map((p) => [p.amplitude * 2 * 1.5 * p.spectrum.resolutionHz, p.weight])))
}

function envelopeDefect(feature: DefectFeature, analysis: Analysis, window: WindowInput): number {
  const { loHz, hiHz, segment, defect, bearing, shaft, harmonics, tolerance } = feature.params
  const shaftHz = 'hz' in shaft ? shaft.hz : meanOfRole(shaft.rpmRole, window, feature.acceptUncertain) / 60
  // A standing shaft has no defect frequency: missing, rather than whatever lies near 0 Hz.
  if (!(shaftHz > 0)) return NaN
  const frequencyHz = defectFrequencies(bearing, shaftHz)[defect]
  const amplitudes = analysis.envelopes(loHz, hiHz, segment)
    .map(({ spectrum, weight }) => [defectAmplitude(spectrum, frequencyHz, harmonics, tolerance), weight] as const)
    .filter(([amplitude]) => Number.isFinite(amplitude))
  return Math.sqrt(weightedMean(amplitudes.map(([amplitude, weight]) => [amplitude * amplitude, weight])))
}

interface Weighted {
  spectrum: Spectrum
  weight: number
}

interface Analysis {
  statistics(): WaveStatistics
  densities(segment: number): Weighted[]
  envelopes(loHz: number, hiHz: number, segment: number): Weighted[]
}

/** Spectra shared by the features of one role in one window, each computed once, when first asked for. */
function createAnalysis(runs: readonly WaveformRun[]): Analysis {
  const memo = new Map<string, Weighted[]>()
  const long = runs.filter((run) => run.samples.length >= 16)
  const remembered = (key: string, make: () => Weighted[]) => {
    const known = memo.get(key) ?? make()
    memo.set(key, known)
    return known
  }
  let statistics: WaveStatistics | undefined
  return {
    statistics: () => (statistics ??= waveStatistics(runs.map((run) => run.samples))),
    densities: (segment) => remembered(`density ${segment}`, () => long.map((run) => ({
      spectrum: welchDensity(run.samples, 1e6 / run.intervalUs, segment), weight: run.samples.length,
    }))),
    envelopes: (loHz, hiHz, segment) => remembered(`envelope ${loHz} ${hiHz} ${segment}`, () => long.flatMap((run) => {
      const rate = 1e6 / run.intervalUs
      return segmentsOf(run.samples, segment).map((samples) => ({
        spectrum: envelopeSpectrum(samples, rate, loHz, hiHz), weight: samples.length,
      }))
    })),
  }
}

/** Whole segments from the start of the run; a run shorter than one segment is taken at its own length. */
function segmentsOf(samples: Float32Array, segment: number): Float32Array[] {
  if (samples.length <= segment) return [samples]
  const out: Float32Array[] = []
  for (let from = 0; from + segment <= samples.length; from += segment) out.push(samples.subarray(from, from + segment))
  return out
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

function weightedMean(pairs: readonly (readonly [value: number, weight: number])[]): number {
  let sum = 0
  let weights = 0
  for (const [value, weight] of pairs) {
    sum += value * weight
    weights += weight
  }
  return sum / weights
}
