import { createNoise } from '../../../registry/domain/physics/prng.ts'
import { dutyPoint, motorCurrentA, motorInputKw, type DutyPoint, type MotorRating, type PumpCurve } from '../../../registry/domain/physics/pump.ts'
import { dailyTemperature, steadyTemperature, temperatureAt, type ThermalTarget } from '../../../registry/domain/physics/thermal.ts'
import { pumpId, type Scenario } from './scenario.ts'

/** What one pump really does at a moment, before any instrument looks at it. */
export interface Operation extends DutyPoint {
  readonly running: boolean
  readonly rpm: number
  readonly currentA: number
  readonly motorC: number
  readonly bearingC: number
  readonly suctionBar: number
  /** 0 … 1. */
  readonly damage: number
}

/** By random access: the operation at a time depends on nothing that was asked before. */
export type Machine = (timeS: number) => Operation

const HOUR_S = 3600
const DAY_S = 86_400
const SYNCHRONOUS_RPM = 1500
const RATED_SLIP_RPM = 20
const MOTOR_TAU_S = 1800
const BEARING_TAU_S = 900
/** Between targets of the thermal model; load moves slowly against it. */
const THERMAL_STEP_S = 1800

/** One pump of the line, a little different from its neighbours by the seed. */
export function createMachine(scenario: Scenario, pump: number): Machine {
  const { seed } = scenario.config
  const build = createNoise(seed, `build ${pumpId(pump)}`)
  const varied = (index: number, spread: number) => 1 + spread * (build.uniform(index) - 0.5)
  const curve: PumpCurve = { ratedRpm: 1480, shutOffHeadM: 58 * varied(0, 0.04), headLoss: 0.0016 * varied(1, 0.06), bestFlowM3h: 90, bestEfficiency: 0.74 * varied(2, 0.03) }
  const motor: MotorRating = { voltageV: 400, efficiency: 0.92, powerFactor: 0.86, ratedPowerKw: 22, idleShare: 0.025 }
  const motorKPerKw = 22 * varied(3, 0.08)
  const bearingRiseK = 18 * varied(4, 0.1)
  // The plant shares one sky and one demand; what differs is the machine.
  const epochS = scenario.startUs / 1e6
  const demandNoise = createNoise(seed, 'demand')
  const weather = createNoise(seed, 'weather')

  const demand = (timeS: number): number => {
    const clock = epochS + timeS
    const hour = (clock % DAY_S) / HOUR_S
    const weekday = Math.floor(clock / DAY_S + 4) % 7
    const daily = 0.1 * Math.cos(((hour - 14) / 24) * 2 * Math.PI)
    const weekend = weekday === 0 || weekday === 6 ? -0.08 : 0
    return 0.9 + daily + weekend + 0.02 * smooth((i) => demandNoise.normal(i), clock / HOUR_S)
  }
  const ambientC = (timeS: number): number => {
    const clock = epochS + timeS
    return dailyTemperature(clock % DAY_S, 22, 5, 0) + 2 * smooth((i) => weather.normal(i), clock / (12 * HOUR_S))
  }
  const duty = (timeS: number, running: boolean) => {
    const flowShare = demand(timeS)
    // Valves throttle to the demand: the same head loss over less flow is more resistance.
    const system = { staticHeadM: 12, resistance: 0.004 / (flowShare * flowShare) }
    const rpm = running ? SYNCHRONOUS_RPM - RATED_SLIP_RPM * flowShare : 0
    return { rpm, ...dutyPoint(curve, system, rpm) }
  }
  const steady = (timeS: number) => {
    const running = scenario.running(pump, timeS)
    const { shaftKw } = duty(timeS, running)
    const lossKw = running ? motorInputKw(motor, shaftKw) - shaftKw : 0
    const friction = running ? bearingRiseK + 35 * scenario.damage(pump, timeS) : 0
    return { motorC: steadyTemperature(ambientC(timeS), lossKw, motorKPerKw), bearingC: ambientC(timeS) + friction }
  }
  const { motorTargets, bearingTargets } = thermalTargets(scenario, pump, steady)

  return (timeS) => {
    const running = scenario.running(pump, timeS)
    const point = duty(timeS, running)
    return {
      ...point,
      running,
      currentA: running ? motorCurrentA(motor, point.shaftKw) : 0,
      motorC: temperatureAt(motorTargets, timeS, MOTOR_TAU_S),
      bearingC: temperatureAt(bearingTargets, timeS, BEARING_TAU_S),
      suctionBar: 1.35 + 0.05 * smooth((i) => demandNoise.uniform(i), (epochS + timeS) / (6 * HOUR_S)) - 1.2e-5 * point.flowM3h ** 2,
      damage: running ? scenario.damage(pump, timeS) : 0,
    }
  }
}

function thermalTargets(scenario: Scenario, pump: number, steady: (timeS: number) => { motorC: number; bearingC: number }) {
  const endS = (scenario.config.endUs - scenario.startUs) / 1e6
  const steps = Array.from({ length: Math.ceil(endS / THERMAL_STEP_S) + 1 }, (_, i) => i * THERMAL_STEP_S)
  // A start or stop is felt when it happens, not at the next half hour.
  const times = [...new Set([...steps, ...scenario.switches(pump)])].sort((a, b) => a - b)
  const motorTargets: ThermalTarget[] = []
  const bearingTargets: ThermalTarget[] = []
  for (const atS of times) {
    const { motorC, bearingC } = steady(atS)
    motorTargets.push({ atS, targetC: motorC })
    bearingTargets.push({ atS, targetC: bearingC })
  }
  return { motorTargets, bearingTargets }
}

/** Noise without steps: independent figures at whole numbers, joined by a cosine. */
function smooth(noise: (index: number) => number, position: number): number {
  const index = Math.floor(position)
  const share = (1 - Math.cos(Math.PI * (position - index))) / 2
  return noise(index) * (1 - share) + noise(index + 1) * share
}
