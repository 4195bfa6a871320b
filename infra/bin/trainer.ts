/** The trainer process: fits models, one forked process per fit, until it is told to stop. */
import { ConfigError, connectionsOf, loadConfig } from '../config.ts'
import { openPartLog } from '../part-log.ts'
import { stopOnSignal } from '../stop-on-signal.ts'
import { startTrainer } from '../trainer.ts'

async function main(): Promise<void> {
  const config = loadConfig()
  const log = openPartLog('trainer', config.logLevel)
  const starting = startTrainer({ connections: connectionsOf(config), log })
  stopOnSignal(async () => { await (await starting.catch(() => undefined))?.stop() })
  const trainer = await starting
  process.send?.({ type: 'ready' })
  await trainer.stopped
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
