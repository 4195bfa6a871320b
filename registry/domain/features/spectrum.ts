import { fftPlan } from './fft-plan.ts'
import { refuse } from '../errors.ts'

export type Samples = Float32Array | Float64Array

/** One-sided spectrum: `values[k]` belongs to the frequency `k · resolutionHz`. */
export interface Spectrum {
  resolutionHz: number
  values: Float64Array
}

/**
 * One-sided amplitude spectrum in the signal's unit: mean removed, periodic Hann, 2|X|/Σw, with DC and Nyquist not
 * doubled. A sine that falls on a bin shows its peak amplitude there. Any length from 2 samples on.
 */
export function amplitudeSpectrum(samples: Samples, sampleRateHz: number): Spectrum {
  const n = samples.length
  const { hannSum } = fftPlan(n)
  const bins = transformWindowed(samples, 0, n)
  const values = new Float64Array(Math.floor(n / 2) + 1)
  for (let k = 0; k < values.length; k++) {
    const single = k === 0 || 2 * k === n
    const re = bins[2 * k] as number
    const im = bins[2 * k + 1] as number
    values[k] = ((single ? 1 : 2) / hannSum) * Math.sqrt(re * re + im * im)
  }
  return { resolutionHz: sampleRateHz / n, values }
}

/**
 * Welch's power spectral density in unit²/Hz: periodic Hann segments overlapping by half, the mean of each removed,
 * periodograms averaged (P. Welch, IEEE Trans. Audio Electroacoust. 15(2), 1967). Recordings shorter than
 * `segmentLength` make one segment of their own length; samples after the last whole segment do not count.
 */
export function welchDensity(samples: Samples, sampleRateHz: number, segmentLength: number): Spectrum {
  const n = Math.min(segmentLength, samples.length)
  const { hannSquareSum } = fftPlan(n)
  const step = Math.max(1, n - Math.floor(n / 2))
  const values = new Float64Array(Math.floor(n / 2) + 1)
  let segments = 0
  for (let from = 0; from + n <= samples.length; from += step) {
    const bins = transformWindowed(samples, from, n)
    for (let k = 0; k < values.length; k++) {
      const re = bins[2 * k] as number
      const im = bins[2 * k + 1] as number
      values[k] = (values[k] as number) + re * re + im * im
    }
    segments++
  }
  const scale = 1 / (sampleRateHz * hannSquareSum * segments)
  for (let k = 0; k < values.length; k++) {
    const single = k === 0 || 2 * k === n
    values[k] = (values[k] as number) * scale * (single ? 1 : 2)
  }
  return { resolutionHz: sampleRateHz / n, values }
}

/** Power of a density over the half-open band lo ≤ f < hi, in unit²; its square root is the band's RMS. */
export function bandPower(density: Spectrum, loHz: number, hiHz: number): number {
  let sum = 0
  for (let k = firstBinFrom(density, loHz); k < density.values.length && k * density.resolutionHz < hiHz; k++) {
    sum += density.values[k] as number
  }
  return sum * density.resolutionHz
}

/**
 * Envelope of the band lo ≤ f ≤ hi: brick-wall band-pass and analytic signal in one step (the positive bins of the
 * band doubled, all others zeroed, inverse transform), then the magnitude. Source: R. B. Randall and J. Antoni,
 * Mech. Syst. Signal Process. 25(2), 2011.
 */
export function envelope(samples: Samples, sampleRateHz: number, loHz: number, hiHz: number): Float64Array {
  const n = samples.length
  const plan = fftPlan(n)
  if (!(loHz >= 0 && hiHz > loHz)) {
    refuse('invalid', `an envelope band needs 0 ≤ lo < hi, got ${loHz}–${hiHz} Hz`)
  }
  const centred = new Float64Array(n)
  centre(samples, 0, centred)
  const bins = plan.forwardReal(centred)
  const band = new Float64Array(2 * n)
  const resolution = sampleRateHz / n
  for (let k = Math.max(1, Math.ceil(loHz / resolution - 1e-9)); 2 * k < n && k * resolution <= hiHz; k++) {
    band[2 * k] = 2 * (bins[2 * k] as number)
    band[2 * k + 1] = 2 * (bins[2 * k + 1] as number)
  }
  const analytic = plan.inverse(band)
  const out = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    const re = analytic[2 * i] as number
    const im = analytic[2 * i + 1] as number
    out[i] = Math.sqrt(re * re + im * im)
  }
  return out
}

/** Amplitude spectrum of the envelope; its own mean (the carrier's level) is removed and given apart. */
export function envelopeSpectrum(
  samples: Samples, sampleRateHz: number, loHz: number, hiHz: number,
): Spectrum & { mean: number } {
  const magnitude = envelope(samples, sampleRateHz, loHz, hiHz)
  let sum = 0
  for (let i = 0; i < magnitude.length; i++) sum += magnitude[i] as number
  return { ...amplitudeSpectrum(magnitude, sampleRateHz), mean: sum / magnitude.length }
}

/**
 * The largest value of a spectrum in lo ≤ f ≤ hi (the lowest frequency wins a tie), or undefined when no bin lies in
 * the band: a band narrower than the resolution, or above Nyquist.
 */
export function peakInBand(
  spectrum: Spectrum, loHz: number, hiHz: number,
): { frequencyHz: number; amplitude: number } | undefined {
  let best = -1
  for (let k = firstBinFrom(spectrum, loHz); k < spectrum.values.length && k * spectrum.resolutionHz <= hiHz; k++) {
    if (best < 0 || (spectrum.values[k] as number) > (spectrum.values[best] as number)) best = k
  }
  return best < 0 ? undefined : { frequencyHz: best * spectrum.resolutionHz, amplitude: spectrum.values[best] as number }
}

/** Tolerates the last digit of k·df, so that a band edge that falls on a bin includes it. */
function firstBinFrom(spectrum: Spectrum, hz: number): number {
  return Math.max(0, Math.ceil(hz / spectrum.resolutionHz - 1e-9))
}

function transformWindowed(samples: Samples, from: number, n: number): Float64Array {
  const plan = fftPlan(n)
  const windowed = new Float64Array(n)
  centre(samples, from, windowed)
  for (let i = 0; i < n; i++) windowed[i] = (windowed[i] as number) * (plan.hann[i] as number)
  return plan.forwardReal(windowed)
}

function centre(samples: Samples, from: number, out: Float64Array): void {
  const n = out.length
  let sum = 0
  for (let i = 0; i < n; i++) sum += samples[from + i] as number
  const mean = sum / n
  for (let i = 0; i < n; i++) out[i] = (samples[from + i] as number) - mean
}
