import { z } from 'zod'
import { peakInBand, type Spectrum } from './spectrum.ts'

/** Rolling-element bearing; both diameters in the same unit, of any kind: only their ratio counts. */
export const bearingGeometrySchema = z.strictObject({
  rollingElements: z.int().min(3).max(1000),
  ballDiameter: z.number().positive(),
  pitchDiameter: z.number().positive(),
  contactAngleDeg: z.number().min(0).max(89).default(0),
}).refine((g) => g.ballDiameter < g.pitchDiameter, {
  path: ['ballDiameter'],
  error: 'must be smaller than pitchDiameter: give both in the same unit',
})

export type BearingGeometry = z.infer<typeof bearingGeometrySchema>

export const bearingDefects = ['bpfo', 'bpfi', 'bsf', 'ftf'] as const
/** Outer race, inner race, rolling element (once per spin; a ball strikes both races, so also look at twice it), cage. */
export type BearingDefect = (typeof bearingDefects)[number]

/**
 * Characteristic defect frequencies in Hz for an outer race at rest and no slip, from the shaft speed in Hz. With
 * r = d/D·cos α: BPFO = n/2·(1−r), BPFI = n/2·(1+r), BSF = D/2d·(1−r²), FTF = (1−r)/2, each times the shaft speed.
 * Real bearings slip by 1–2 %. Source: R. B. Randall and J. Antoni, "Rolling element bearing diagnostics: a tutorial",
 * Mech. Syst. Signal Process. 25(2), 2011, eqs. 1–4.
 */
export function defectFrequencies(geometry: BearingGeometry, shaftHz: number): Record<BearingDefect, number> {
  const ratio = (geometry.ballDiameter / geometry.pitchDiameter) * Math.cos((geometry.contactAngleDeg * Math.PI) / 180)
  return {
    bpfo: (geometry.rollingElements / 2) * (1 - ratio) * shaftHz,
    bpfi: (geometry.rollingElements / 2) * (1 + ratio) * shaftHz,
    bsf: (geometry.pitchDiameter / (2 * geometry.ballDiameter)) * (1 - ratio * ratio) * shaftHz,
    ftf: ((1 - ratio) / 2) * shaftHz,
  }
}

/**
 * Amplitude of a defect in an (envelope) spectrum: the root of the summed squares of the peaks near 1 … `harmonics`
 * times the frequency, each sought within ±`tolerance` (relative, for slip) and at least within half a bin. Harmonics
 * above the spectrum's end add nothing; NaN when not even the first lies inside it.
 */
export function defectAmplitude(spectrum: Spectrum, frequencyHz: number, harmonics: number, tolerance: number): number {
  let sum = 0
  let found = 0
  for (let h = 1; h <= harmonics; h++) {
    const centre = h * frequencyHz
    const reach = Math.max(centre * tolerance, spectrum.resolutionHz / 2)
    // Bin 0 is what is left of the mean, never a defect.
    const peak = peakInBand(spectrum, Math.max(centre - reach, spectrum.resolutionHz), centre + reach)
    if (peak === undefined) break
    sum += peak.amplitude * peak.amplitude
    found++
  }
  return found === 0 ? NaN : Math.sqrt(sum)
}
