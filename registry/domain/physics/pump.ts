import { refuse } from '../errors.ts'

const GRAVITY = 9.80665
const SECONDS_PER_HOUR = 3600

/** A centrifugal pump at its rated speed. Heads in m of liquid, flows in m³/h. */
export interface PumpCurve {
  ratedRpm: number
  /** Head against a closed valve. */
  shutOffHeadM: number
  /** H = shutOffHeadM − headLoss · Q², m per (m³/h)². */
  headLoss: number
  /** Best-efficiency point: flow in m³/h, efficiency 0…1. */
  bestFlowM3h: number
  bestEfficiency: number
}

/** What the pump works against: H = staticHeadM + resistance · Q², m per (m³/h)². Closing a valve raises it. */
export interface SystemCurve {
  staticHeadM: number
  resistance: number
}

export interface MotorRating {
  voltageV: number
  /** Efficiency and power factor at rated load, 0…1. */
  efficiency: number
  powerFactor: number
  ratedPowerKw: number
  /** Share of rated power lost without any load. */
  idleShare: number
}

export interface DutyPoint {
  flowM3h: number
  headM: number
  /** 0 where nothing flows. */
  efficiency: number
  hydraulicKw: number
  /** What the shaft takes. */
  shaftKw: number
}

/**
 * Where pump and system meet at a speed. By the affinity laws (ISO 9906; flow ∝ n, head ∝ n², power ∝ n³) the curve at
 * speed ratio s is H = s²·H₀ − k·Q², so Q = √((s²·H₀ − Hs)/(k + r)); below the speed that overcomes the static head
 * nothing flows, and the pump heats its water with the power of churning.
 *
 * @param wear 0…1: share of the head lost to wear ring and impeller wear
 * @param densityKgM3 of the liquid, water 998
 */
export function dutyPoint(pump: PumpCurve, system: SystemCurve, rpm: number, wear = 0, densityKgM3 = 998): DutyPoint {
  if (!(pump.ratedRpm > 0) || !(pump.headLoss + system.resistance > 0)) {
    refuse('invalid', 'a duty point needs a rated speed above 0, and head loss or resistance above 0')
  }
  const s = Math.max(0, rpm) / pump.ratedRpm
  const shutOff = s * s * pump.shutOffHeadM * (1 - wear)
  const flowM3h = Math.sqrt(Math.max(0, shutOff - system.staticHeadM) / (pump.headLoss + system.resistance))
  const headM = Math.max(0, shutOff - pump.headLoss * flowM3h * flowM3h)
  const efficiency = pumpEfficiency(pump, s > 0 ? flowM3h / s : 0) * (1 - wear)
  const hydraulicKw = (densityKgM3 * GRAVITY * headM * flowM3h) / SECONDS_PER_HOUR / 1000
  const churningKw = CHURNING_SHARE * s ** 3 * ratedShaftKw(pump, densityKgM3)
  const shaftKw = efficiency > 0 ? Math.max(churningKw, hydraulicKw / efficiency) : churningKw
  return { flowM3h, headM, efficiency, hydraulicKw, shaftKw }
}

/** Efficiency against flow at rated speed: a parabola through 0, the best point, and 0 at twice its flow. */
export function pumpEfficiency(pump: PumpCurve, flowM3h: number): number {
  const q = flowM3h / pump.bestFlowM3h
  return pump.bestEfficiency * Math.max(0, q * (2 - q))
}

/** Share of the best-point shaft power that a pump takes against a closed valve. */
const CHURNING_SHARE = 0.35

function ratedShaftKw(pump: PumpCurve, densityKgM3: number): number {
  const head = Math.max(0, pump.shutOffHeadM - pump.headLoss * pump.bestFlowM3h ** 2)
  return (densityKgM3 * GRAVITY * head * pump.bestFlowM3h) / SECONDS_PER_HOUR / 1000 / pump.bestEfficiency
}

/** Electrical power in kW for a shaft power: idle losses (0 at rest, by `shaftKw` 0) plus what the load costs. */
export function motorInputKw(motor: MotorRating, shaftKw: number): number {
  if (shaftKw <= 0) return 0
  const idleKw = motor.idleShare * motor.ratedPowerKw
  const ratedLossKw = motor.ratedPowerKw / motor.efficiency - motor.ratedPowerKw
  const load = shaftKw / motor.ratedPowerKw
  return shaftKw + idleKw + Math.max(0, ratedLossKw - idleKw) * load * load
}

/** Of a motor's rated reactive power, the part that magnetises it whatever the load; leakage takes the rest. */
const MAGNETISING_SHARE = 0.6

/**
 * Line current in A of a three-phase motor, I = √(P² + Q²)/(√3·U). The reactive power Q is a constant magnetising part
 * and a leakage part that grows with the square of the load (single-phase equivalent circuit), scaled so that the rated
 * load has the rated power factor: an idling motor draws a third to a half of its rated current, as real ones do.
 */
export function motorCurrentA(motor: MotorRating, shaftKw: number): number {
  if (shaftKw <= 0) return 0
  const activeKw = motorInputKw(motor, shaftKw)
  const ratedReactiveKvar = motorInputKw(motor, motor.ratedPowerKw) * Math.tan(Math.acos(motor.powerFactor))
  const load = shaftKw / motor.ratedPowerKw
  const reactiveKvar = ratedReactiveKvar * (MAGNETISING_SHARE + (1 - MAGNETISING_SHARE) * load * load)
  return (Math.sqrt(activeKw * activeKw + reactiveKvar * reactiveKvar) * 1000) / (Math.sqrt(3) * motor.voltageV)
}

/** Pressure in bar of a head of liquid. */
export function headToBar(headM: number, densityKgM3 = 998): number {
  return (densityKgM3 * GRAVITY * headM) / 1e5
}
