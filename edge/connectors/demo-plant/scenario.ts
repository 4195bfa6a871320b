import { z } from 'zod'
import { slugSchema } from '../../../registry/domain/contract/primitives.ts'
import { createNoise } from '../../../registry/domain/physics/prng.ts'
import { damageAt, failureHours, type WearLaw } from '../../../registry/domain/physics/wear.ts'

/** What makes one demo plant another: the same figures give the same readings to the bit. */
export const demoPlantConfigSchema = z.strictObject({
  seed: z.int().min(0).max(2 ** 53 - 1).default(1),
  /** UTC microseconds: the plant's last moment, at or before now. */
  endUs: z.int(),
  days: z.number().min(2).max(3660).default(21),
  pumps: z.int().min(4).max(1000).default(4),
  site: slugSchema.default('demo'),
  gateway: slugSchema.default('demo-plant'),
  scalarEverySeconds: z.int().min(1).max(600).default(60),
  waveformEverySeconds: z.int().min(10).max(86_400).default(1800),
  waveformSamples: z.int().min(256).max(65_536).default(4096),
  sampleRateHz: z.number().min(6_400).max(102_400).default(12_800),
})
export type DemoPlantConfig = z.infer<typeof demoPlantConfigSchema>

/** What really happens, to hold alerts against: times in UTC microseconds. */
export interface DemoPlantTruth {
  readonly site: string
  readonly startUs: number
  readonly endUs: number
  /** Pumps to which nothing happens. */
  readonly healthy: readonly string[]
  /** An outer-race spall that grows from its onset until the bearing fails and the pump trips. */
  readonly bearing: { readonly asset: string; readonly component: string; readonly onsetUs: number; readonly failureUs: number }
  /** A temperature sensor that drifts and drops out from its onset and gives nothing from `deadUs` on; the machine is well. */
  readonly sensor: { readonly asset: string; readonly tag: string; readonly onsetUs: number; readonly deadUs: number }
  /** A planned stop for maintenance. */
  readonly stop: { readonly asset: string; readonly fromUs: number; readonly toUs: number }
}

/** Times move with the plant's span; damage is a function of running time (Paris' law, physics/wear.ts). */
export interface Scenario {
  readonly config: DemoPlantConfig
  readonly startUs: number
  readonly truth: DemoPlantTruth
  running(pump: number, timeS: number): boolean
  /** 0 (sound) … 1 (failed) of the drive-end bearing's outer race. */
  damage(pump: number, timeS: number): number
  /** Seconds at which some pump starts or stops. */
  switches(pump: number): readonly number[]
}

export const pumpId = (pump: number) => `pump-${pump + 1}`
const WEARING = 1
const SENSOR = 2
const STOPPED = 3

const DAY_S = 86_400

export function createScenario(config: DemoPlantConfig): Scenario {
  const spanS = config.days * DAY_S
  // A start on the minute keeps every grid of the plant on round times.
  const startUs = Math.floor((config.endUs - spanS * 1e6) / 60e6) * 60e6
  const noise = createNoise(config.seed, 'scenario')
  const at = (share: number, spread: number, index: number) => Math.round((spanS * (share + spread * (noise.uniform(index) - 0.5))) / 60) * 60
  const onsetS = at(0.55, 0.04, 0)
  const failureS = at(0.965, 0.01, 1)
  const law: WearLaw = { onsetHours: onsetS / 3600, growthHours: (failureS - onsetS) / 3600, initial: 0.02, exponent: 1.5 }
  const sensorS = at(0.62, 0.04, 2)
  const deadS = at(0.86, 0.04, 3)
  const stopS = at(0.42, 0.04, 4)
  const stopEndS = stopS + Math.round(Math.min(18 * 3600, spanS * 0.04) / 60) * 60
  const us = (timeS: number) => startUs + timeS * 1e6

  return {
    config,
    startUs,
    truth: {
      site: config.site, startUs, endUs: config.endUs,
      healthy: Array.from({ length: config.pumps }, (_, pump) => pump).filter((pump) => ![WEARING, SENSOR, STOPPED].includes(pump)).map(pumpId),
      bearing: { asset: pumpId(WEARING), component: bearingDe(WEARING), onsetUs: us(onsetS), failureUs: Math.round(us(failureHours(law) * 3600)) },
      sensor: { asset: pumpId(SENSOR), tag: `${pumpId(SENSOR)}/motor-temp`, onsetUs: us(sensorS), deadUs: us(deadS) },
      stop: { asset: pumpId(STOPPED), fromUs: us(stopS), toUs: us(stopEndS) },
    },
    running(pump, timeS) {
      if (pump === WEARING) return timeS < failureS
      return pump !== STOPPED || timeS < stopS || timeS >= stopEndS
    },
    damage: (pump, timeS) => (pump === WEARING ? damageAt(law, timeS / 3600) : 0),
    switches: (pump) => (pump === WEARING ? [failureS] : pump === STOPPED ? [stopS, stopEndS] : []),
  }
}

export const bearingDe = (pump: number) => `${pumpId(pump)}-bearing-de`
export const bearingNde = (pump: number) => `${pumpId(pump)}-bearing-nde`
