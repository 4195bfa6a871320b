import type { Logger } from 'pino'
import { createForkFit } from '../activities/models/fork-fit.ts'
import { createTrainingActivities } from '../activities/train.ts'
import { createMinioStore } from '../registry/artifacts/minio.ts'
import { createPool } from '../registry/store/pool.ts'
import { taskQueues } from '../workflows/ids.ts'
import type { Connections } from './config.ts'
import { nodeProgram } from './node-child.ts'
import { connectWorkers, createWorkers } from './temporal.ts'

export interface Trainer {
  /** Resolves when it has stopped; rejects when its Worker failed. */
  readonly stopped: Promise<void>
  stop(): Promise<void>
}

/** One fit at a time uses the machine's cores as it is; a second one is for the small steps of another run. */
const CONCURRENT_STEPS = 2

/**
 * The Worker on the training queue. On stop a running fit is cancelled and its process killed; Temporal gives the step
 * to the next trainer.
 */
export async function startTrainer({ connections, log }: { connections: Connections; log: Logger }): Promise<Trainer> {
  const pool = createPool(connections.database.url, { applicationName: 'twinward-trainer', max: 4 })
  const connection = await connectWorkers(connections.temporal)
  const objects = createMinioStore(connections.s3)
  await objects.ensureBuckets()
  const workers = await createWorkers({
    connection,
    namespace: connections.temporal.namespace,
    specs: [{
      taskQueue: taskQueues.training,
      workflows: false,
      maxConcurrentActivities: CONCURRENT_STEPS,
      activities: createTrainingActivities({
        pool, objects, nowUs: () => Date.now() * 1000, fit: createForkFit(nodeProgram('activities/models/fit-process.ts')),
      }),
    }],
  })
  log.info(`the trainer serves ${taskQueues.training}`)
  const stopped = (async () => {
    try {
      await workers.run()
    } finally {
      await Promise.allSettled([connection.close(), pool.end()])
    }
  })()
  return {
    stopped,
    async stop() {
      workers.shutdown()
      await stopped
    },
  }
}
