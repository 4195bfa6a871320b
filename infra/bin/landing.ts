/** The landing process: takes batches from the broker and makes them safe, until it is told to stop. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createMinioStore } from '../../registry/artifacts/minio.ts'
import { createPool } from '../../registry/store/pool.ts'
import { ConfigError, connectionsOf, loadConfig } from '../config.ts'
import { createLanding } from '../landing.ts'
import { openPartLog } from '../part-log.ts'
import { stopOnSignal } from '../stop-on-signal.ts'

async function main(): Promise<void> {
  const config = loadConfig()
  const { database, s3, mqtt } = connectionsOf(config)
  const log = openPartLog('landing', config.logLevel)
  const pool = createPool(database.url, { max: 6, applicationName: 'twinward-landing' })
  const objects = createMinioStore(s3)
  const landing = createLanding({ ctx: { pool, objects, nowUs: () => Date.now() * 1000 }, mqtt, log })
  stopOnSignal(async () => {
    await landing.stop()
    await pool.end()
  })
  while (!await objects.ensureBuckets().then(() => true, (error: unknown) => { log.warn({ err: error }, 'cannot make the buckets yet') })) await sleep(1000)
  await landing.start()
  process.send?.({ type: 'ready' })
  log.info('batches can land')
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
