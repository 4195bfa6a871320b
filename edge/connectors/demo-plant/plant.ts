import { defectFrequencies } from '../../../registry/domain/features/bearing.ts'
import { vibration, type VibrationModel } from '../../../registry/domain/physics/bearing-signal.ts'
import { GOOD } from '../../../registry/domain/contract/quality.ts'
import type { RawWaveform, ReadingsBlock } from '../../raw-entry.ts'
import { createMachine, type Operation } from './machine.ts'
import { createScenario, pumpId, type DemoPlantConfig, type DemoPlantTruth } from './scenario.ts'
import { createSensorBoard } from './sensors.ts'
import { addressOf, bearing, scalarTags, waveformTags } from './tags.ts'

/**
 * The plant's instruments at any time: what comes for [fromUs, toUs) is the same whether it is asked for in one piece
 * or in many. Nothing comes from after the plant's end.
 */
export interface DemoPlant {
  readonly truth: DemoPlantTruth
  readings(fromUs: number, toUs: number): ReadingsBlock
  waveforms(fromUs: number, toUs: number): RawWaveform[]
}

const GRAVITY = 9.80665
/** The recordings of the line are staggered, as one analyser takes them in turn. */
const STAGGER_S = 5

export function createDemoPlant(config: DemoPlantConfig): DemoPlant {
  const scenario = createScenario(config)
  const { startUs } = scenario
  const pumps = Array.from({ length: config.pumps }, (_, pump) => ({ machine: createMachine(scenario, pump), board: createSensorBoard(scenario, pump) }))
  const addresses = pumps.flatMap((_, pump) => scalarTags.map(({ name }) => addressOf(pump, name)))
  const { scalarEverySeconds: every, waveformEverySeconds: waveEvery, waveformSamples, sampleRateHz, seed } = config

  /** Grid points n with fromUs ≤ start + offset + n·interval < toUs, up to the plant's end. */
  const grid = (fromUs: number, toUs: number, offsetS: number, intervalS: number): [number, number] => {
    const first = Math.ceil((Math.max(fromUs, startUs) - startUs - offsetS * 1e6) / (intervalS * 1e6))
    const last = Math.ceil((Math.min(toUs, config.endUs + 1) - startUs - offsetS * 1e6) / (intervalS * 1e6))
    return [Math.max(0, first), Math.max(0, last)]
  }

  return {
    truth: scenario.truth,

    readings(fromUs, toUs) {
      const [first, last] = grid(fromUs, toUs, 0, every)
      const most = Math.max(0, last - first) * addresses.length
      const address = new Uint16Array(most)
      const sourceUs = new Float64Array(most)
      const raw = new Float64Array(most)
      const quality = new Uint16Array(most)
      let n = 0
      pumps.forEach(({ machine, board }, pump) => {
        for (let step = first; step < last; step++) {
          const timeS = step * every
          const operation = machine(timeS)
          for (let tag = 0; tag < scalarTags.length; tag++) {
            const reading = board(tag, step, timeS, operation)
            if (!reading) continue
            address[n] = pump * scalarTags.length + tag
            sourceUs[n] = startUs + timeS * 1e6
            raw[n] = reading.value
            quality[n] = reading.quality
            n++
          }
        }
      })
      return {
        kind: 'readings', addresses, address: address.subarray(0, n), sourceUs: sourceUs.subarray(0, n), raw: raw.subarray(0, n), quality: quality.subarray(0, n),
      }
    },

    waveforms(fromUs, toUs) {
      const rows: RawWaveform[] = []
      const spanUs = (waveformSamples / sampleRateHz) * 1e6
      pumps.forEach(({ machine }, pump) => {
        const [first, last] = grid(fromUs, toUs, pump * STAGGER_S, waveEvery)
        for (let take = first; take < last; take++) {
          const timeS = pump * STAGGER_S + take * waveEvery
          const recordedUs = startUs + timeS * 1e6
          if (recordedUs + spanUs > config.endUs) continue
          const operation = machine(timeS)
          waveformTags.forEach(({ name }, position) => {
            const samples = vibration(vibrationModel(seed, pump, position, operation, sampleRateHz), timeS, waveformSamples)
            for (let i = 0; i < samples.length; i++) samples[i] = (samples[i] as number) / GRAVITY
            rows.push({ address: addressOf(pump, name), startUs: recordedUs, intervalUs: 1e6 / sampleRateHz, quality: GOOD, samples })
          })
        }
      })
      return rows
    },
  }
}

/** Acceleration at a bearing housing in m/s²; `position` 0 is the drive end, where the damage is; little of it reaches the other. */
function vibrationModel(seed: number, pump: number, position: number, operation: Operation, sampleRateHz: number): VibrationModel {
  const shaftHz = operation.rpm / 60
  const load = operation.flowM3h / 90
  const name = `${pumpId(pump)} ${position === 0 ? 'de' : 'nde'}`
  const quiet = { sampleRateHz, shaftHz, resonanceHz: position === 0 ? 3150 : 2700, dampingPerS: 850, slip: 0.012, seed, name }
  if (!operation.running) return { ...quiet, shaftHarmonics: [], defects: [], noise: 0.02 }
  return {
    ...quiet,
    shaftHarmonics: position === 0 ? [0.55 + 0.15 * load, 0.3, 0.12] : [0.45 + 0.1 * load, 0.22, 0.1],
    defects: [{ name: 'outer race', frequencyHz: defectFrequencies(bearing, shaftHz).bpfo, severity: operation.damage, amplitude: position === 0 ? 45 : 9 }],
    noise: 0.5 + 0.15 * load,
  }
}
