import { canonicalDigest } from '../../../registry/domain/canonical.ts'
import type { RawWaveform, WaveformsBlock } from '../../raw-entry.ts'
import type { Source } from '../../source.ts'
import { createDemoPlant, type DemoPlant } from './plant.ts'
import { demoPlantConfigSchema, type DemoPlantConfig } from './scenario.ts'
import { demoPlantTagMap, scalarTags, waveformTags } from './tags.ts'

export interface DemoPlantSourceOptions {
  readonly config: DemoPlantConfig
  /** Pauses the plant at this moment: the source ends, and a later run goes on from there. Default: to its end. */
  readonly throughUs?: number
  /** After each stretch of plant time is in the buffer. */
  readonly onProgress?: (throughUs: number, plant: DemoPlant) => void
}

const READINGS_PER_BLOCK = 12_000
const SAMPLES_PER_BLOCK = 400_000

/** Names the stream: another seed, end or span is another plant. */
export const demoPlantDigest = (config: DemoPlantConfig): string => canonicalDigest(config)

/** The plant as a source of mode `simulation`: weeks of plant time as fast as they can be made, then it ends. */
export function createDemoPlantSource({ config: given, throughUs = Infinity, onProgress }: DemoPlantSourceOptions): Source {
  const config = demoPlantConfigSchema.parse(given)
  const key = `demo-plant/${demoPlantDigest(config)}`
  const everyUs = config.scalarEverySeconds * 1e6
  const perStep = config.pumps * scalarTags.length
  const stepUs = everyUs * Math.max(1, Math.min(Math.floor(READINGS_PER_BLOCK / perStep), stepsOfWaveforms(config)))
  return {
    id: 'demo-plant',
    mode: 'simulation',
    map: demoPlantTagMap(config),
    async run(outlet, signal) {
      const plant = createDemoPlant(config)
      const { startUs } = plant.truth
      const endUs = Math.min(plant.truth.endUs, throughUs)
      let fromUs = (outlet.position(key) as { throughUs: number } | undefined)?.throughUs ?? startUs
      while (fromUs <= endUs && !signal.aborted) {
        const toUs = Math.min(fromUs + stepUs, endUs + 1)
        await outlet.deliver({
          blocks: [...inBlocks(plant.waveforms(fromUs, toUs)), plant.readings(fromUs, toUs)],
          completeBeforeUs: fromUs - 1,
          completeThroughUs: toUs - 1,
          position: { key, value: { throughUs: toUs } },
        })
        fromUs = toUs
        onProgress?.(toUs - 1, plant)
      }
    },
  }
}

/** How many scalar steps it takes until the recordings in them fill a block. */
function stepsOfWaveforms({ pumps, waveformSamples, waveformEverySeconds, scalarEverySeconds }: DemoPlantConfig): number {
  const perRound = pumps * waveformTags.length * waveformSamples
  return Math.floor((Math.max(1, Math.floor(SAMPLES_PER_BLOCK / perRound)) * waveformEverySeconds) / scalarEverySeconds)
}

function inBlocks(rows: readonly RawWaveform[]): WaveformsBlock[] {
  const blocks: RawWaveform[][] = []
  let samples = Infinity
  for (const row of rows) {
    if (samples + row.samples.length > SAMPLES_PER_BLOCK) {
      blocks.push([])
      samples = 0
    }
    blocks.at(-1)?.push(row)
    samples += row.samples.length
  }
  return blocks.map((rowsOf) => ({ kind: 'waveforms', rows: rowsOf }))
}
