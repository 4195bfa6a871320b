/**
 * First-order temperatures: τ·dT/dt = T∞ − T, with T∞ = ambient + thermal resistance × losses. All in °C, K/kW, seconds.
 */

/** Temperature it would settle at under a constant loss. */
export function steadyTemperature(ambientC: number, lossKw: number, resistanceKPerKw: number): number {
  return ambientC + lossKw * resistanceKPerKw
}

/** Exact step of length `dt` towards a constant target: two half steps give the same as one whole. */
export function thermalStep(fromC: number, towardsC: number, dtSeconds: number, tauSeconds: number): number {
  return towardsC + (fromC - towardsC) * Math.exp(-dtSeconds / tauSeconds)
}

/** From `atS` on, the temperature tends to `targetC`; ascending in time. */
export interface ThermalTarget {
  atS: number
  targetC: number
}

/**
 * Temperature at any time under targets that change in steps, having been at the first target for ever before. Random
 * access: only the targets of the last 40 τ matter to a double, so older ones are passed over.
 */
export function temperatureAt(targets: readonly ThermalTarget[], timeS: number, tauSeconds: number): number {
  let next = upperBound(targets, timeS)
  if (next === 0) return targets[0]?.targetC ?? NaN
  let first = next - 1
  while (first > 0 && timeS - (targets[first] as ThermalTarget).atS < 40 * tauSeconds) first--
  let temperature = (targets[first] as ThermalTarget).targetC
  for (let i = first; i + 1 < next; i++) {
    const { atS } = targets[i + 1] as ThermalTarget
    const span = atS - (targets[i] as ThermalTarget).atS
    temperature = thermalStep(temperature, (targets[i] as ThermalTarget).targetC, span, tauSeconds)
  }
  next--
  const last = targets[next] as ThermalTarget
  return thermalStep(temperature, last.targetC, timeS - last.atS, tauSeconds)
}

/**
 * Response to a daily swing of the surroundings, mean ± amplitude with its maximum at `warmestS` of the day: the swing
 * passes a first-order lag with gain 1/√(1 + (ωτ)²) and phase −atan ωτ.
 */
export function dailyTemperature(
  timeS: number, meanC: number, amplitudeK: number, tauSeconds: number, warmestS = 15 * 3600,
): number {
  const omega = (2 * Math.PI) / 86400
  const lag = omega * tauSeconds
  return meanC + (amplitudeK / Math.sqrt(1 + lag * lag)) * Math.cos(omega * (timeS - warmestS) - Math.atan(lag))
}

function upperBound(targets: readonly ThermalTarget[], timeS: number): number {
  let lo = 0
  let hi = targets.length
  while (lo < hi) {
    const middle = (lo + hi) >>> 1
    if ((targets[middle] as ThermalTarget).atS <= timeS) lo = middle + 1
    else hi = middle
  }
  return lo
}
