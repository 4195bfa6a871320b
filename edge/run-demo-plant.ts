import type { Logger } from 'pino'
import { openLmdbBuffer } from './buffer/lmdb-buffer.ts'
import { createDemoPlantSource, demoPlantConfigSchema, demoPlantDigest, type DemoPlantConfig, type DemoPlantTruth } from './connectors/demo-plant/index.ts'
import { createScenario } from './connectors/demo-plant/scenario.ts'
import { createGateway, type Gateway } from './gateway.ts'
import type { MqttAddress } from './mqtt-link.ts'
import { beginStream } from './stream.ts'

export interface DemoPlantProgress {
  /** Plant time that is in the buffer. */
  readonly throughUs: number
  readonly startUs: number
  readonly endUs: number
  /** Readings and recordings acknowledged by the platform in this run. */
  readonly acknowledged: number
  readonly batches: number
  /** Made, and not acknowledged yet. */
  readonly waiting: number
}

export interface DemoPlantRun {
  readonly config: Partial<DemoPlantConfig> & Pick<DemoPlantConfig, 'endUs'>
  /** Pauses the plant at this moment of its time; run again with a later one to go on. */
  readonly throughUs?: number
  readonly bufferDirectory: string
  readonly mqtt: MqttAddress
  readonly log: Logger
  readonly onProgress?: (progress: DemoPlantProgress) => void
  readonly onGateway?: (gateway: Gateway) => void
  readonly signal?: AbortSignal
}

export interface DemoPlantReport {
  /** `interrupted`: run it again with the same configuration to go on. */
  readonly status: 'complete' | 'interrupted'
  readonly truth: DemoPlantTruth
  readonly acknowledged: number
  readonly batches: number
}

/**
 * Plays the demo plant through a gateway of its own; resolves when the platform has acknowledged all of it. Interrupted
 * and run again with the same configuration it goes on where it was; run again after its end it sends nothing.
 */
export async function runDemoPlant({ config: given, throughUs, bufferDirectory, mqtt, log, onProgress, onGateway, signal = new AbortController().signal }: DemoPlantRun): Promise<DemoPlantReport> {
  const config = demoPlantConfigSchema.parse(given)
  const { truth } = createScenario(config)
  const buffer = await openLmdbBuffer({ directory: bufferDirectory })
  try {
    const done = { acknowledged: 0, batches: 0, throughUs: truth.startUs }
    const report = () => {
      const { rawRows, batchRows } = buffer.stats()
      onProgress?.({ ...done, startUs: truth.startUs, endUs: truth.endUs, waiting: rawRows + batchRows })
    }
    const source = createDemoPlantSource({
      config, ...(throughUs !== undefined && { throughUs }),
      onProgress: (madeUs) => { done.throughUs = madeUs; report() },
    })
    await beginStream(buffer, { site: config.site, gateway: config.gateway, sources: [source], key: demoPlantDigest(config) })
    const gateway = createGateway({
      site: config.site, gateway: config.gateway, buffer, sources: [source], mqtt, log,
      onAcknowledged: (batch) => {
        done.acknowledged += batch.count
        done.batches++
        report()
      },
    })
    onGateway?.(gateway)
    await gateway.run(signal)
    return { status: signal.aborted ? 'interrupted' : 'complete', truth, acknowledged: done.acknowledged, batches: done.batches }
  } finally {
    await buffer.close()
  }
}
