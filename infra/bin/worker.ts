/** The worker process: runs workflows and short activities until it is told to stop. */
import { ConfigError, connectionsOf, loadConfig } from '../config.ts'
import { openPartLog } from '../part-log.ts'
import { stopOnSignal } from '../stop-on-signal.ts'
import { logTemporalTo } from '../temporal-log.ts'
import { startWorker } from '../worker.ts'

async function main(): Promise<void> {
  const config = loadConfig()
  const log = openPartLog('worker', config.logLevel)
  logTemporalTo(log)
  const starting = startWorker({ connections: connectionsOf(config), log })
  stopOnSignal(async () => { await (await starting.catch(() => undefined))?.stop() })
  const worker = await starting
  process.send?.({ type: 'ready' })
  await worker.stopped
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
