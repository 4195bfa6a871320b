import { BAD, GOOD, qualityReasons, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import { createNoise, type Noise } from '../../../registry/domain/physics/prng.ts'
import { headToBar } from '../../../registry/domain/physics/pump.ts'
import type { Operation } from './machine.ts'
import { pumpId, type Scenario } from './scenario.ts'
import { scalarTags } from './tags.ts'

/** What an instrument gives at its nth moment; undefined where it gives nothing (a lost telegram). */
export interface SensorReading {
  readonly value: number
  readonly quality: number
}
export type SensorBoard = (tag: number, step: number, timeS: number, operation: Operation) => SensorReading | undefined

/** Standard deviation of each instrument's noise, in the order of `scalarTags`. */
const NOISE = [0.03, 0.03, 0.15, 0.15, 0.12, 0.4, 0.01, 0.25, 0.4] as const
const MOTOR_TEMP = scalarTags.findIndex(({ name }) => name === 'motor-temp')

/** The true figures in the instruments' own units, in the order of `scalarTags`. */
function truth(tag: number, { running, rpm, flowM3h, headM, currentA, motorC, bearingC, suctionBar, damage }: Operation, load: number): number {
  switch (tag) {
    case 0: return running ? 1.1 + 0.5 * load + 5.5 * damage : 0.05
    case 1: return running ? 0.9 + 0.4 * load + 1.2 * damage : 0.05
    case 2: return currentA
    case 3: return motorC
    case 4: return bearingC
    case 5: return suctionBar * 100
    case 6: return suctionBar + headToBar(headM)
    case 7: return flowM3h
    default: return rpm
  }
}

/** The instruments of one pump; on the pump of the scenario the motor's temperature sensor goes bad. */
export function createSensorBoard(scenario: Scenario, pump: number): SensorBoard {
  const { seed } = scenario.config
  const noises: readonly Noise[] = scalarTags.map(({ name }) => createNoise(seed, `${pumpId(pump)}/${name}`))
  const fault = createNoise(seed, `fault ${pumpId(pump)}`)
  const { asset, onsetUs, deadUs } = scenario.truth.sensor
  const failing = asset === pumpId(pump)
  const onsetS = (onsetUs - scenario.startUs) / 1e6
  const deadS = (deadUs - scenario.startUs) / 1e6

  return (tag, step, timeS, operation) => {
    const noise = (noises[tag] as Noise).normal(step) * (NOISE[tag] as number)
    const value = truth(tag, operation, operation.flowM3h / 90) + noise
    if (!failing || tag !== MOTOR_TEMP || timeS < onsetS) return { value, quality: GOOD }
    if (timeS >= deadS) return { value: NaN, quality: BAD | qualityReasons.device }
    // A corroding contact: it reads ever higher and noisier, loses telegrams, and now and then says so itself.
    const age = (timeS - onsetS) / (deadS - onsetS)
    const luck = fault.uniform(2 * step)
    if (luck < 0.3 * age) return undefined
    const drifted = value + 25 * age + 6 * age * fault.normal(2 * step + 1)
    if (luck < 0.45 * age) return { value: drifted, quality: BAD | qualityReasons.device }
    return { value: drifted, quality: luck < 0.6 * age ? UNCERTAIN | qualityReasons.device : GOOD }
  }
}
