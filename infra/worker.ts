import type { Logger } from 'pino'
import { createAlertActivities } from '../activities/alerts.ts'
import { createDecodedCache } from '../activities/decoded-cache.ts'
import { createDriftActivities } from '../activities/drift.ts'
import { createEvidenceCollector } from '../activities/evidence/collect.ts'
import { createGateActivities } from '../activities/gates.ts'
import { createFleetUpdateActivities } from '../activities/gateway-updates.ts'
import { createRolloutActivities } from '../activities/rollouts.ts'
import { createIngestActivities } from '../activities/ingest.ts'
import { createModelCache } from '../activities/models/load-model.ts'
import { runtimeDigest } from '../activities/models/runtime.ts'
import { createReplayScorer } from '../activities/windows/replay-scorer.ts'
import { createRescoreActivities } from '../activities/rescore.ts'
import { createWindowActivities, type WindowActivities } from '../activities/windows.ts'
import { createMinioStore } from '../registry/artifacts/minio.ts'
import { sitesWithRevisionsDue } from '../registry/store/late-windows.ts'
import { createPool, type Pool } from '../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'
import { taskQueues } from '../workflows/ids.ts'
import type { WorkflowBundle } from './build/workflows.ts'
import type { Connections } from './config.ts'
import { periodic, runLoops, type Loop } from './keeper/loop.ts'
import { connectWorkers, createWorkers, type WorkerSpec } from './temporal.ts'

export interface WorkerOptions {
  readonly connections: Connections
  readonly log: Logger
  readonly bundle?: WorkflowBundle
}

export interface WorkerProcess {
  /** Resolves when it has stopped; rejects when a Worker failed. */
  readonly stopped: Promise<void>
  stop(): Promise<void>
}

/** Decoded chunks kept between storing and closing windows. */
const CACHE_BYTES = 512 * 1024 * 1024
const MODELS_KEPT = 16
const REVISE_EVERY_MS = 5000

/** Runs workflows and all short activities: the main queue and the ingest queue, in one process with one cache. */
export async function startWorker({ connections, log, bundle }: WorkerOptions): Promise<WorkerProcess> {
  const pool = createPool(connections.database.url, { applicationName: 'twinward-worker', max: 16 })
  const connection = await connectWorkers(connections.temporal)
  const objects = createMinioStore(connections.s3)
  await objects.ensureBuckets()
  const nowUs = () => Date.now() * 1000
  const chunks = createDecodedCache({ maxBytes: CACHE_BYTES })
  const models = createModelCache(objects, MODELS_KEPT)
  const judging = { pool, chunks, models, runtimeDigest: () => runtimeDigest().digest, nowUs, log }
  const windows = createWindowActivities(judging)

  const specs: WorkerSpec[] = [
    {
      taskQueue: taskQueues.main,
      workflows: true,
      activities: {
        ...createGateActivities({ pool, nowUs, collect: createEvidenceCollector({ pool, models, nowUs, scorer: createReplayScorer(models) }) }),
        ...createAlertActivities({ pool, nowUs }),
        ...createRolloutActivities({ pool, nowUs }),
        ...createFleetUpdateActivities({ pool, nowUs }),
        ...createDriftActivities({ pool, objects, nowUs }),
        ...createRescoreActivities(judging),
      },
    },
    {
      taskQueue: taskQueues.ingest,
      workflows: false,
      // Each holds up to a group of decoded batches; the machine's memory, not its cores, sets the limit.
      maxConcurrentActivities: 4,
      activities: { ...createIngestActivities({ pool, objects, cache: chunks }), ...windows },
    },
  ]
  const workers = await createWorkers({ connection, namespace: connections.temporal.namespace, specs, ...(bundle && { bundle }) })
  const stopping = new AbortController()
  const revising = runLoops([reviser(pool, windows)], log, stopping.signal)
  log.info({ queues: specs.map((spec) => spec.taskQueue) }, 'the worker is at work')
  const stopped = (async () => {
    try {
      await workers.run()
    } finally {
      stopping.abort()
      await revising
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

/** Late readings make revisions after a quiet period; here, where models and decoded chunks are at hand. */
function reviser(pool: Pool, windows: WindowActivities): Loop {
  return periodic('reviser', REVISE_EVERY_MS, async (signal) => {
    for (const site of await inSite(pool, ALL_SITES, (tx) => sitesWithRevisionsDue(tx, 0))) {
      while (!signal.aborted && (await windows.reviseWindows({ site })).taken > 0);
    }
  })
}
