import mqtt from 'mqtt'
import type { Logger } from 'pino'
import { createPublisher } from '../activities/publish.ts'
import type { CheckpointSigner } from '../registry/artifacts/checkpoint.ts'
import { createMinioStore } from '../registry/artifacts/minio.ts'
import type { BundleSigner } from '../registry/domain/bundle/seal.ts'
import { tellJudgedAlarms } from '../registry/services/judged-alarms.ts'
import { completeCheckpoints, sealLedger, type SealContext } from '../registry/services/seal-ledger.ts'
import { OUTBOX_CHANNEL } from '../registry/store/outbox.ts'
import { forgetDelivered } from '../registry/store/outbox-queue.ts'
import { forgetOver } from '../registry/store/retention.ts'
import { createPool, type Pool } from '../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'
import type { Connections } from './config.ts'
import { createDispatcher } from './dispatcher.ts'
import { createBell } from './keeper/bell.ts'
import { bundleDeliverer } from './keeper/bundles.ts'
import { busChannel, webhookChannel, workflowChannel } from './keeper/channels.ts'
import { compactor } from './keeper/compaction.ts'
import { pause, periodic, runLoops, type Loop } from './keeper/loop.ts'
import { createRelay } from './keeper/relay.ts'
import { scoreChunker } from './keeper/score-chunks.ts'
import { createListener } from './pg-listener.ts'
import { createReconciler } from './reconcile.ts'
import { ensureSchedules, readDriftSchedules } from './schedules.ts'
import { connectTemporal } from './temporal.ts'

export interface KeeperOptions {
  readonly connections: Connections
  readonly log: Logger
  /** Signs the ledger's checkpoints; absent leaves them unsigned. */
  readonly ledgerSigner?: CheckpointSigner
  /** Signs bundles for gateways; absent issues none by itself. */
  readonly bundleSigner?: BundleSigner
  /** Days that delivered messages are kept. */
  readonly keepOutboxDays?: number
  readonly reconcileEveryMs?: number
}

export interface Keeper {
  /** Stops all loops and lets go of every connection; what was under way is found again by the next keeper. */
  stop(): Promise<void>
}

const SEAL_EVERY_MS = 1000
/** A site that is refused is refused every second. */
const SAY_AGAIN_MS = 60_000
const ROUNDS_AT_ONCE = 20
const SCHEDULES_EVERY_MS = 60_000
const CLEAN_EVERY_MS = 600_000
const JUDGED_EVERY_MS = 10_000

/**
 * The duties that need one runner each: dispatcher, the three relays of the outbox, ledger sealer, reconciler,
 * drift schedules, retention, compaction, packed scores, bundles for gateways, alarms that gateways raised first. Several keepers at once do no harm: rows are taken under locks, and starting a workflow twice starts one.
 */
export async function startKeeper({ connections, log, ledgerSigner, bundleSigner, keepOutboxDays = 7, reconcileEveryMs = 15_000 }: KeeperOptions): Promise<Keeper> {
  const pool = createPool(connections.database.url, { applicationName: 'twinward-keeper', max: 12 })
  const objects = createMinioStore(connections.s3)
  const temporal = await connectTemporal(connections.temporal)
  const broker = mqtt.connect(connections.mqtt.url, {
    ...(connections.mqtt.username !== undefined && { username: connections.mqtt.username }),
    ...(connections.mqtt.password !== undefined && { password: connections.mqtt.password }),
    reconnectPeriod: 1000,
    // What was not delivered stays in the outbox, not in this client.
    queueQoSZero: false,
  })
  broker.on('error', (error) => { log.warn({ err: error }, 'the MQTT broker refused the connection or is away') })

  const nowUs = () => Date.now() * 1000
  const bells = { bus: createBell(), webhook: createBell(), workflow: createBell() }
  const listener = createListener({
    pool, channel: OUTBOX_CHANNEL, log, onNotify: () => { for (const bell of Object.values(bells)) bell.ring() },
  })
  const dispatcher = createDispatcher({ pool, client: temporal.client, log: log.child({ loop: 'dispatcher' }) })
  broker.on('connect', () => { bells.bus.ring() })

  const reconciler = createReconciler({ pool, client: temporal.client, log })
  const loops: Loop[] = [
    createRelay({ pool, log, bell: bells.bus }, busChannel(createPublisher(broker))),
    createRelay({ pool, log, bell: bells.webhook }, webhookChannel(pool)),
    createRelay({ pool, log, bell: bells.workflow }, workflowChannel(temporal.client)),
    sealer({ pool, objects, signer: ledgerSigner ?? null }, log.child({ loop: 'sealer' })),
    periodic('reconciler', reconcileEveryMs, async (signal) => {
      // Where much was lost, on at once; but a workflow that fails as soon as it starts must not make this spin.
      for (let i = 0; i < ROUNDS_AT_ONCE && !signal.aborted && (await reconciler.round()).length > 0; i++);
    }),
    periodic('schedules', SCHEDULES_EVERY_MS, async () => { await ensureSchedules(temporal.client, await readDriftSchedules(pool)) }),
    periodic('retention', CLEAN_EVERY_MS, () => forgetOld(pool, keepOutboxDays)),
    compactor(pool, log.child({ loop: 'compaction' })),
    scoreChunker(pool, log.child({ loop: 'score-chunks' })),
    periodic('local-alarms', JUDGED_EVERY_MS, async () => { await tellJudgedAlarms({ pool, nowUs }) }),
    ...(bundleSigner ? [bundleDeliverer({ pool, objects, nowUs, signer: bundleSigner }, log.child({ loop: 'bundles' }))] : []),
  ]
  const stopping = new AbortController()
  const running = runLoops(loops, log, stopping.signal)
  listener.start()
  dispatcher.start()
  log.info({ loops: ['dispatcher', ...loops.map((loop) => loop.name)] }, 'the keeper is at work')
  return {
    async stop() {
      stopping.abort()
      await Promise.allSettled([dispatcher.stop(), listener.stop(), running])
      await Promise.allSettled([broker.endAsync(true), temporal.close(), pool.end()])
    },
  }
}

function sealer(base: Omit<SealContext, 'onRefused'>, log: Logger): Loop {
  const saidAt = new Map<string, number>()
  const ctx: SealContext = {
    ...base,
    onRefused(site, refusal) {
      const now = Date.now()
      if (now - (saidAt.get(site) ?? -Infinity) < SAY_AGAIN_MS) return
      saidAt.set(site, now)
      log.error({ site, err: refusal }, 'the ledger of this site is not sealed any further')
    },
  }
  return {
    name: 'sealer',
    async run(signal) {
      await completeCheckpoints(ctx)
      while (!signal.aborted) {
        if (await sealLedger(ctx) === 0) await pause(SEAL_EVERY_MS, signal)
      }
    },
  }
}

async function forgetOld(pool: Pool, days: number): Promise<void> {
  let removed: number
  do removed = await inSite(pool, ALL_SITES, async (tx) => await forgetDelivered(tx, days) + await forgetOver(tx))
  while (removed > 0)
}
