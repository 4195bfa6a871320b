/** The keeper process: dispatches, relays, seals and reconciles until it is told to stop. */
import { ConfigError, connectionsOf, loadConfig } from '../config.ts'
import { startKeeper } from '../keeper.ts'
import { ledgerSigner } from '../ledger-key.ts'
import { openPartLog } from '../part-log.ts'
import { bundleSigner } from '../signing-key.ts'
import { stopOnSignal } from '../stop-on-signal.ts'

async function main(): Promise<void> {
  const config = loadConfig()
  const log = openPartLog('keeper', config.logLevel)
  const starting = startKeeper({ connections: connectionsOf(config), log, ledgerSigner: ledgerSigner(config.dataDir), bundleSigner: bundleSigner(config.dataDir) })
  stopOnSignal(async () => { await (await starting.catch(() => undefined))?.stop() })
  await starting
  process.send?.({ type: 'ready' })
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
