import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { computeFeatures } from '../../../../../registry/domain/features/compute.ts'
import {
  featureSetDigest, featureSetRoles, featureSetSchema, scalarKinds, waveKinds, type FeatureSetInput,
} from '../../../../../registry/domain/features/feature-set.ts'
import type { WaveformChunk, WindowInput } from '../../../../../registry/domain/features/window-input.ts'
import { near, SYNTHETIC_DEFECT_HZ, SYNTHETIC_RATE_HZ, syntheticBearing, syntheticExpected } from './synthetic-bearing.ts'

const bearing = { rollingElements: 9, ballDiameter: 0.3126, pitchDiameter: 1.537 }
const shaftHz = SYNTHETIC_DEFECT_HZ / 3.584776

const written: FeatureSetInput = {
  name: 'pump-condition',
  version: 1,
  windowUs: 10_000_000,
  hopUs: 10_000_000,
  features: [
    ...scalarKinds.map((kind) => ({ name: `temp-${kind}`, role: 'temperature', kind })),
    ...waveKinds.map((kind) => ({ name: `vib-${kind}`, role: 'vibration_de', kind })),
    { name: 'low-band', role: 'vibration_de', kind: 'band_rms', params: { loHz: 0, hiHz: 1000 } },
    { name: 'shaft-amplitude', role: 'vibration_de', kind: 'band_peak_amplitude', params: { loHz: 20, hiHz: 40, segment: 16384 } },
    { name: 'shaft-frequency', role: 'vibration_de', kind: 'band_peak_frequency', params: { loHz: 20, hiHz: 40, segment: 16384 } },
    {
      name: 'outer-race', role: 'vibration_de', kind: 'envelope_defect',
      params: { loHz: 2000, hiHz: 4000, defect: 'bpfo', bearing, shaft: { rpmRole: 'speed' }, harmonics: 1 },
    },
  ],
}
const set = featureSetSchema.parse(written)

function scalars(rows: readonly (readonly [t: number, v: number, q: number])[]) {
  return {
    timesUs: Float64Array.from(rows, (r) => r[0]),
    values: Float64Array.from(rows, (r) => r[1]),
    qualities: Uint16Array.from(rows, (r) => r[2]),
  }
}

function windowOf(rows: readonly (readonly [number, number, number])[], chunks: readonly WaveformChunk[]): WindowInput {
  return {
    startUs: 0, endUs: 10_000_000,
    scalars: new Map([['temperature', scalars(rows)], ['speed', scalars([[0, shaftHz * 60, 0]])]]),
    waveforms: new Map([['vibration_de', chunks]]),
  }
}

const intervalUs = 1e6 / SYNTHETIC_RATE_HZ
const recording: WaveformChunk = { startUs: 1_000_000, intervalUs, samples: Float32Array.from(syntheticBearing()), quality: 0 }

function value(name: string, window: WindowInput): number {
  const at = set.features.findIndex((feature) => feature.name === name)
  assert.ok(at >= 0, name)
  return computeFeatures(set, window).values[at] ?? NaN
}

describe('feature set', () => {
  it('has a digest over its meaning: key order and spelled-out defaults do not change it, a figure does', () => {
    const reordered = featureSetSchema.parse(Object.fromEntries(Object.entries({ ...written, minGoodFraction: 0.5 }).reverse()))
    assert.equal(featureSetDigest(reordered), featureSetDigest(set))
    assert.notEqual(featureSetDigest(featureSetSchema.parse({ ...written, hopUs: 5_000_000 })), featureSetDigest(set))
  })

  it('names the roles it needs', () => {
    assert.deepEqual(featureSetRoles(set), { scalar: ['temperature', 'speed'], waveform: ['vibration_de'] })
  })

  it('refuses what would silently lose readings or names', () => {
    const [first] = written.features
    const bad: [Partial<FeatureSetInput>, RegExp][] = [
      [{ hopUs: 20_000_000 }, /never be seen/],
      [{ features: [first, first] as FeatureSetInput['features'] }, /already the name of features\[0\]/],
      [{ features: [] }, /features/],
      [{ features: [{ name: 'b', role: 'r', kind: 'band_rms', params: { loHz: 5, hiHz: 5 } }] }, /greater than loHz/],
      [{ features: [{ name: 'b', role: 'r', kind: 'band_rms', params: { loHz: 5, hiHz: 9, segment: 1000 } }] }, /power of two/],
      [{ features: [{ name: 'b', role: 'r', kind: 'median' as 'mean' }] }, /kind/],
    ]
    for (const [change, message] of bad) assert.throws(() => featureSetSchema.parse({ ...written, ...change }), message)
  })
})

describe('computeFeatures', () => {
  it('finds the golden figures in the synthetic bearing', () => {
    const window = windowOf([], [recording])
    for (const [name, expected] of Object.entries(syntheticExpected.stats)) near(value(`vib-wave_${name}`, window), expected, 1e-4, name)
    near(value('low-band', window), Math.sqrt(syntheticExpected.welch[0].power), 1e-4, 'low band')
    near(value('shaft-amplitude', window), syntheticExpected.spectrumPeaks[0].amplitude, 1e-4, 'shaft')
    assert.ok(Math.abs(value('shaft-frequency', window) - 30.03) < 0.01)
    near(value('outer-race', window), syntheticExpected.envelope.amplitude, 1e-4, 'outer race')
  })

  it('has nothing to say about a band the recording cannot hold', () => {
    const beyond = featureSetSchema.parse({
      ...written,
      features: [
        { name: 'rms', role: 'vibration_de', kind: 'band_rms', params: { loHz: 7000, hiHz: 9000 } },
        { name: 'peak', role: 'vibration_de', kind: 'band_peak_amplitude', params: { loHz: 7000, hiHz: 9000 } },
        { name: 'race', role: 'vibration_de', kind: 'envelope_defect',
          params: { loHz: 7000, hiHz: 9000, defect: 'bpfo', bearing, shaft: { hz: 30 } } },
      ],
    })
    assert.deepEqual(computeFeatures(beyond, windowOf([], [recording])).missing, ['rms', 'peak', 'race'])
  })

  it('counts readings in [start, end) and only those of good or uncertain quality', () => {
    const window = windowOf([
      [-1, 1000, 0], [0, 1, 0], [5_000_000, 2, 1 | 16], [6_000_000, 500, 2], [7_000_000, NaN, 0], [9_999_999, 6, 0], [10_000_000, 1000, 0],
    ], [])
    assert.equal(value('temp-mean', window), 3)
    assert.equal(value('temp-last', window), 6)
    assert.equal(value('temp-count', window), 3)
    const strict = featureSetSchema.parse({
      ...written, minGoodFraction: 0, features: [{ name: 'm', role: 'temperature', kind: 'mean', acceptUncertain: false }],
    })
    assert.equal(computeFeatures(strict, window).values[0], 3.5)
  })

  it('names what is missing and why it may be: too few good, nothing there, no such statistic', () => {
    const none = computeFeatures(set, windowOf([], []))
    assert.equal(none.missing.length, set.features.length - 2)
    assert.equal(none.goodFraction, 0)
    assert.ok(!none.missing.includes('temp-count'))
    const mostlyBad = computeFeatures(set, windowOf([[1, 1, 0], [2, 2, 2], [3, 3, 2]], [recording]))
    assert.ok(mostlyBad.missing.includes('temp-mean'))
    assert.ok(Math.abs(mostlyBad.goodFraction - (1 / 3 + 1) / 2) < 1e-12)
    const constant = computeFeatures(set, windowOf([[1, 4, 0], [2, 4, 0], [3, 4, 0], [4, 4, 0]], [recording]))
    assert.deepEqual(constant.missing, ['temp-skewness', 'temp-kurtosis'])
    assert.equal(constant.goodFraction, 1)
    assert.ok(Number.isNaN(constant.values[set.features.findIndex((f) => f.name === 'temp-kurtosis')]))
  })

  it('has no defect amplitude while the shaft stands', () => {
    const window = windowOf([], [recording])
    const standing = { ...window, scalars: new Map([['speed', scalars([[0, 0, 0]])]]) }
    assert.ok(computeFeatures(set, standing).missing.includes('outer-race'))
  })

  it('orders readings of one instant by value, since their order of arrival is chance', () => {
    const forth = windowOf([[1, 1e-9, 0], [5, 7, 0], [5, 3, 0]], [])
    const back = windowOf([[1, 1e-9, 0], [5, 3, 0], [5, 7, 0]], [])
    assert.equal(value('temp-last', forth), 7)
    assert.deepEqual(computeFeatures(set, forth), computeFeatures(set, back))
  })

  it('is to the bit the same whatever the order of readings', () => {
    const rows = fc.array(
      fc.tuple(fc.integer({ min: -5, max: 30 }).map((t) => t * 400_000), fc.double({ min: -100, max: 100, noNaN: true }), fc.constantFrom(0, 0, 0, 1, 2)),
      { maxLength: 40 },
    )
    fc.assert(fc.property(rows.chain((r) => fc.tuple(fc.constant(r), fc.shuffledSubarray(r, { minLength: r.length }))), ([sent, mixed]) => {
      const inOrder = computeFeatures(set, windowOf([...sent].sort((a, b) => a[0] - b[0]), []))
      assert.deepEqual(computeFeatures(set, windowOf(mixed, [])), inOrder)
    }))
  })

  it('is to the bit the same wherever a recording was cut, and in whichever order its parts came', () => {
    const interval = 100
    const samples = Float32Array.from({ length: 3000 }, (_, i) => Math.sin(i * 0.7) + Math.sin(i * i))
    const whole: WaveformChunk = { startUs: 9_800_000, intervalUs: interval, samples, quality: 0 }
    const expected = computeFeatures(set, windowOf([], [whole]))
    assert.equal(value('vib-wave_count', windowOf([], [whole])), 2000)
    fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 2999 }), { maxLength: 8 }), fc.boolean(), (cuts, reverse) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), samples.length]
      const parts = edges.slice(1).map((to, i): WaveformChunk => {
        const from = edges[i] ?? 0
        return { ...whole, startUs: whole.startUs + from * interval, samples: samples.slice(from, to) }
      })
      assert.deepEqual(computeFeatures(set, windowOf([], reverse ? parts.reverse() : parts)), expected)
    }), { numRuns: 40 })
  })

  it('a bad stretch breaks a recording in two and lowers the good fraction', () => {
    const samples = new Float32Array(1000).map((_, i) => Math.sin(i))
    const at = (startUs: number, quality: number): WaveformChunk => ({ startUs, intervalUs: 1000, samples, quality })
    const window = windowOf([], [at(0, 0), at(1_000_000, 2), at(2_000_000, 0), at(3_000_000, 0)])
    assert.equal(value('vib-wave_count', window), 3000)
    assert.ok(Math.abs(computeFeatures(set, window).goodFraction - 0.375) < 1e-12)
  })
})
