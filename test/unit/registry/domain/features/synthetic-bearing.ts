/**
 * A bearing signal by closed formula, so that feature code has a reference that needs no recording:
 * x[n] = 0.5 sin(2π 29.95 t) + 0.2 sin(2π 119.8 t) + Σk [t ≥ tk] exp(−800 (t−tk)) sin(2π 3000 (t−tk)), t = n/12000,
 * tk = k/107.3. Its expected figures were computed with SciPy.
 */
export const SYNTHETIC_RATE_HZ = 12000
export const SYNTHETIC_LENGTH = 16384
export const SYNTHETIC_DEFECT_HZ = 107.3

export function syntheticBearing(): Float64Array {
  const out = new Float64Array(SYNTHETIC_LENGTH)
  for (let n = 0; n < SYNTHETIC_LENGTH; n++) {
    const t = n / SYNTHETIC_RATE_HZ
    let x = 0.5 * Math.sin(2 * Math.PI * 29.95 * t) + 0.2 * Math.sin(2 * Math.PI * 119.8 * t)
    for (let k = 0; k / SYNTHETIC_DEFECT_HZ <= t; k++) {
      const since = t - k / SYNTHETIC_DEFECT_HZ
      if (since < 0.06) x += Math.exp(-800 * since) * Math.sin(2 * Math.PI * 3000 * since)
    }
    out[n] = x
  }
  return out
}

export const syntheticExpected = {
  first5: [0, 0.9558847565444479, 0.0407043010569498, -0.7578022119688571, 0.08099983227398944],
  sum: 106.68568090326191,
  stats: {
    mean: 0.006511577203568232, std: 0.4226947691582471, rms: 0.4227449213313175, peak: 1.5799715796913505,
    crest: 3.7374111431443566, kurtosis: 2.5252812785961822, skewness: 0.03690995726804617,
  },
  spectrumPeaks: [
    { band: [20, 40], hz: 30.029296875, amplitude: 0.4962321823161409 },
    { band: [110, 130], hz: 120.1171875, amplitude: 0.1769510473117444 },
    { band: [2500, 3500], hz: 3004.39453125, amplitude: 0.1339117332383448 },
  ],
  envelope: { hz: 107.666015625, amplitude: 0.17700790597348387, twiceHz: 214.599609375, twice: 0.1313011060528174, mean: 0.1444911185719704 },
  welch: [
    { band: [0, 1000], power: 0.14569547229741722 },
    { band: [2000, 4000], power: 0.03111581331710918 },
    { band: [4000, 6000], power: 0.0006071603730985923 },
  ],
} as const

export function near(actual: number | undefined, expected: number, relative: number, what: string): void {
  if (actual === undefined || !(Math.abs(actual - expected) <= relative * Math.abs(expected))) {
    throw new Error(`${what}: expected ${expected} within ${relative}, got ${actual}`)
  }
}
