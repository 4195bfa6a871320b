import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { defectFrequencies } from '../../../../../registry/domain/features/bearing.ts'
import {
  amplitudeSpectrum, bandPower, envelopeSpectrum, peakInBand, welchDensity,
} from '../../../../../registry/domain/features/spectrum.ts'
import { waveStatistics } from '../../../../../registry/domain/features/time-domain.ts'
import { near, SYNTHETIC_RATE_HZ, syntheticBearing, syntheticExpected } from './synthetic-bearing.ts'

const dataDir = process.env['TWINWARD_TEST_DATA'] ?? join(import.meta.dirname, '../../../../../../shared/data')
const goldenFile = join(dataDir, 'golden/bearing_recordings.json')
const skip = existsSync(goldenFile) && existsSync(join(dataDir, 'cwru'))
  ? false
  : `no bearing recordings at ${dataDir} (set TWINWARD_TEST_DATA)`

describe('golden figures of the synthetic bearing', () => {
  const x = syntheticBearing()

  it('the formula gives the published signal', () => {
    syntheticExpected.first5.forEach((value, i) => assert.ok(Math.abs((x[i] ?? NaN) - value) < 1e-12))
    near(x.reduce((a, b) => a + b, 0), syntheticExpected.sum, 1e-9, 'sum')
  })

  it('amplitude statistics, in float64 and from float32 samples', () => {
    const exact = waveStatistics([x])
    const single = waveStatistics([Float32Array.from(x)])
    for (const [name, value] of Object.entries(syntheticExpected.stats)) {
      near(exact[name as keyof typeof exact], value, 1e-9, name)
      near(single[name as keyof typeof single], value, 1e-4, `${name} (float32)`)
    }
  })

  it('amplitude spectrum, Welch bands and envelope spectrum', () => {
    const spectrum = amplitudeSpectrum(x, SYNTHETIC_RATE_HZ)
    for (const { band, hz, amplitude } of syntheticExpected.spectrumPeaks) {
      const peak = peakInBand(spectrum, band[0], band[1])
      assert.equal(peak?.frequencyHz, hz)
      near(peak?.amplitude, amplitude, 1e-7, `peak at ${hz} Hz`)
    }
    const density = welchDensity(x, SYNTHETIC_RATE_HZ, 4096)
    for (const { band, power } of syntheticExpected.welch) near(bandPower(density, band[0], band[1]), power, 1e-7, `${band[0]} Hz band`)
    const envelope = envelopeSpectrum(x, SYNTHETIC_RATE_HZ, 2000, 4000)
    const expected = syntheticExpected.envelope
    near(envelope.mean, expected.mean, 1e-7, 'envelope mean')
    const dominant = peakInBand(envelope, 20, 300)
    assert.equal(dominant?.frequencyHz, expected.hz)
    near(dominant?.amplitude, expected.amplitude, 1e-7, 'envelope peak')
    near(peakInBand(envelope, 2 * 107.3 * 0.98, 2 * 107.3 * 1.02)?.amplitude, expected.twice, 1e-7, 'second harmonic')
  })
})

interface Peak { peak_hz: number; amp: number }
interface Recording {
  fs: number
  rpm_used: number
  stats: Record<string, number>
  segment2048: Record<string, number>
  spectrum_top5: [number, number][]
  welch_bands: Record<string, number>
  fault_hz: Record<string, number>
  envelope_band: [number, number]
  envelope_fft: Record<string, Peak>
  envelope_fft_dominant_20_500hz: [number, number]
}

const STATISTICS = {
  n: 'count', mean: 'mean', std_population: 'std', rms: 'rms', peak_abs: 'peak', peak_to_peak: 'peakToPeak', crest_factor: 'crest',
  kurtosis_pearson_population: 'kurtosis', skewness_population: 'skewness', shape_factor: 'shape', impulse_factor: 'impulse',
  clearance_factor: 'clearance',
} as const

describe('golden figures of real bearing recordings', { skip }, () => {
  const golden = skip === false
    ? (JSON.parse(readFileSync(goldenFile, 'utf8')) as { files: Record<string, Recording> }).files
    : {}
  for (const [id, expected] of Object.entries(golden)) {
    it(`recording ${id}`, () => {
      const bytes = readFileSync(join(dataDir, `cwru/${id}_drive_end.f64`))
      const x = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
      for (const [samples, figures] of [[x, expected.stats], [x.subarray(0, 2048), expected.segment2048]] as const) {
        const statistics = waveStatistics([samples])
        for (const [theirs, ours] of Object.entries(STATISTICS)) near(statistics[ours], figures[theirs] ?? NaN, 1e-9, `${id} ${ours}`)
      }
      const head = x.subarray(0, 65536)
      const spectrum = amplitudeSpectrum(head, expected.fs)
      const [hz, amplitude] = expected.spectrum_top5[0] ?? [NaN, NaN]
      const highest = peakInBand(spectrum, 1, expected.fs / 2)
      assert.equal(highest?.frequencyHz, hz)
      near(highest?.amplitude, amplitude, 1e-6, `${id} highest peak`)
      const density = welchDensity(x, expected.fs, 4096)
      for (const [band, power] of Object.entries(expected.welch_bands)) {
        const [lo = NaN, hi = NaN] = band.split('-').map(Number)
        near(bandPower(density, lo, hi), power, 1e-6, `${id} band ${band}`)
      }
      const envelope = envelopeSpectrum(head, expected.fs, ...expected.envelope_band)
      const dominant = peakInBand(envelope, 20, 500)
      assert.equal(dominant?.frequencyHz, expected.envelope_fft_dominant_20_500hz[0])
      near(dominant?.amplitude, expected.envelope_fft_dominant_20_500hz[1], 1e-6, `${id} envelope`)
      const geometry = { rollingElements: 9, ballDiameter: 0.3126, pitchDiameter: 1.537, contactAngleDeg: 0 }
      const defects = defectFrequencies(geometry, expected.rpm_used / 60)
      for (const name of ['BPFO', 'BPFI', 'BSF', 'FTF'] as const) {
        near(defects[name.toLowerCase() as keyof typeof defects], expected.fault_hz[name] ?? NaN, 1e-6, `${id} ${name}`)
      }
    })
  }
})
