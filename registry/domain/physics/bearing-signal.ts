import { createGenerator, createNoise } from './prng.ts'

/** One damaged part of a bearing. */
export interface DefectSource {
  name: string
  /** How often the damage is struck, Hz (features/bearing.ts gives it from geometry and speed). */
  frequencyHz: number
  /** 0 (sound) … 1 (failing): scales the impulses. */
  severity: number
  /** Peak of one impulse's ringing at severity 1, in the signal's unit. */
  amplitude: number
  /** Share 0…1 by which the load zone modulates the impulses once a turn: about 0.8 on an inner race, 0 on an outer. */
  loadZone?: number
}

export interface VibrationModel {
  sampleRateHz: number
  shaftHz: number
  /** Amplitudes at 1, 2, 3 … times the shaft speed, in the signal's unit. */
  shaftHarmonics: readonly number[]
  defects: readonly DefectSource[]
  /** Structural resonance struck by the impulses: frequency in Hz and decay in 1/s. */
  resonanceHz: number
  dampingPerS: number
  /** Standard deviation of the broadband noise. */
  noise: number
  /** Random slip of each impulse as a share of the period, 0.01 usual; 0 for a strictly periodic train. */
  slip?: number
  seed: number
  /** Name of the signal: other signals of the same seed are independent of it. */
  name: string
}

/** e⁻³⁰ of an impulse is below what float32 keeps beside the noise. */
const DECAYS_KEPT = 30

/**
 * `count` samples of vibration from `startS` on: shaft harmonics, decaying resonance ringing
 * A·exp(−δ(t − tₖ))·sin(2π·f·(t − tₖ)) from every impulse k of every defect, and white noise. The deterministic part at
 * a time does not depend on where a recording starts; noise belongs to the recording, keyed by its start in
 * microseconds. Count `startS` from the machine's commissioning: seconds since 1970 leave a double a quarter of a
 * microsecond, which a resonance notices. Model: P. D. McFadden and J. D. Smith, J. Sound Vib. 96, 1984.
 *
 * The ringing is carried by a complex recurrence in float64: in float32 its phase drifts within some thousand samples.
 */
export function vibration(model: VibrationModel, startS: number, count: number): Float32Array {
  const exact = ringing(model, startS, count)
  addShaft(exact, model, startS)
  if (model.noise > 0) {
    const generator = createGenerator(model.seed, `noise ${model.name}`, Math.round(startS * 1e6))
    for (let i = 0; i < count; i++) exact[i] = (exact[i] as number) + model.noise * generator.normal()
  }
  return Float32Array.from(exact)
}

/** The defects' part alone, in float64. */
export function ringing(model: VibrationModel, startS: number, count: number): Float64Array {
  const out = new Float64Array(count)
  for (const defect of model.defects) {
    if (defect.severity > 0 && defect.frequencyHz > 0) addImpulses(out, model, defect, startS)
  }
  return out
}

function addImpulses(out: Float64Array, model: VibrationModel, defect: DefectSource, startS: number): void {
  const { sampleRateHz, dampingPerS, shaftHz, slip = 0 } = model
  const dt = 1 / sampleRateHz
  const omega = 2 * Math.PI * model.resonanceHz
  const noise = createNoise(model.seed, `slip ${model.name} ${defect.name}`)
  const strike = (k: number) => (k + (slip === 0 ? 0 : slip * (noise.uniform(k) - 0.5))) / defect.frequencyHz
  const strength = (time: number) => {
    const zone = defect.loadZone ?? 0
    return defect.severity * defect.amplitude * (1 - zone * 0.5 * (1 - Math.cos(2 * Math.PI * shaftHz * time)))
  }
  const turnDecay = Math.exp(-dampingPerS * dt)
  const turnRe = turnDecay * Math.cos(omega * dt)
  const turnIm = turnDecay * Math.sin(omega * dt)
  // Impulses before the recording still ring into it; before time 0 there was no machine.
  let k = Math.max(0, Math.floor((startS - DECAYS_KEPT / dampingPerS) * defect.frequencyHz))
  let next = strike(k)
  let re = 0
  let im = 0
  for (let n = 0; n < out.length; n++) {
    const time = startS + n * dt
    const rotated = re * turnRe - im * turnIm
    im = re * turnIm + im * turnRe
    re = rotated
    while (next <= time) {
      const age = time - next
      const peak = strength(next) * Math.exp(-dampingPerS * age)
      re += peak * Math.cos(omega * age)
      im += peak * Math.sin(omega * age)
      next = strike(++k)
    }
    out[n] = (out[n] as number) + im
  }
}

function addShaft(out: Float64Array, model: VibrationModel, startS: number): void {
  model.shaftHarmonics.forEach((amplitude, h) => {
    const hz = (h + 1) * model.shaftHz
    // Whole turns before the start do not matter; taking them off keeps the phase exact after years of running.
    const phase = 2 * Math.PI * ((hz * startS) % 1)
    const step = (2 * Math.PI * hz) / model.sampleRateHz
    for (let n = 0; n < out.length; n++) out[n] = (out[n] as number) + amplitude * Math.sin(phase + step * n)
  })
}
