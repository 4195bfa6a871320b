import { defectAmplitude, defectFrequencies } from './bearing.ts'
import type { BandFeature, DefectFeature, WaveFeature, WaveformFeature } from './feature-set.ts'
import { bandPower, envelopeSpectrum, peakInBand, welchDensity, type Spectrum } from './spectrum.ts'
import { waveStatistics, type WaveStatistics } from './time-domain.ts'
import type { WaveformRun } from './window-input.ts'

/** One feature of the recordings analysed; `rpmOf` gives the mean speed of a role. NaN where it does not exist. */
export function waveformFeature(
  feature: WaveformFeature, analysis: WaveformAnalysis, rpmOf: (role: string) => number,
): number {
  switch (feature.kind) {
    case 'envelope_defect':
      return envelopeDefect(feature, analysis, rpmOf)
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
 * Each run has its own Welch density; over runs, powers are averaged by number of samples. The peak amplitude is that of
 * the sine whose power the peak bin shows; the peak frequency is that of the strongest run.
 */
function bandFeature(feature: BandFeature, analysis: WaveformAnalysis): number {
  const { loHz, hiHz, segment } = feature.params
  // A band beyond the recording's Nyquist frequency is not silent, it is unseen: missing rather than 0.
  const parts = analysis.densities(segment).filter(({ spectrum }) => loHz < spectrum.resolutionHz * spectrum.values.length)
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

function envelopeDefect(feature: DefectFeature, analysis: WaveformAnalysis, rpmOf: (role: string) => number): number {
  const { loHz, hiHz, segment, defect, bearing, shaft, harmonics, tolerance } = feature.params
  const shaftHz = 'hz' in shaft ? shaft.hz : rpmOf(shaft.rpmRole) / 60
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

export interface WaveformAnalysis {
  statistics(): WaveStatistics
  densities(segment: number): Weighted[]
  envelopes(loHz: number, hiHz: number, segment: number): Weighted[]
}

/** Spectra shared by the features of one role in one window, each computed once, when first asked for. */
export function createWaveformAnalysis(runs: readonly WaveformRun[]): WaveformAnalysis {
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
      if (loHz >= rate / 2) return []
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

function weightedMean(pairs: readonly (readonly [value: number, weight: number])[]): number {
  let sum = 0
  let weights = 0
  for (const [value, weight] of pairs) {
    sum += value * weight
    weights += weight
  }
  return sum / weights
}
