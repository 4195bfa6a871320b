/** The API process: serves /v1, and the console that its argument names the folder of, until it is told to stop. */
import { startApiServer } from '../api-server.ts'
import { ConfigError, connectionsOf, loadConfig } from '../config.ts'
import { PortTakenError } from '../dev/ports.ts'
import { openPartLog } from '../part-log.ts'
import { stopOnSignal } from '../stop-on-signal.ts'

async function main(): Promise<void> {
  const config = loadConfig()
  const consoleDir = process.argv[2]
  const log = openPartLog('api', config.logLevel)
  const starting = startApiServer({
    connections: connectionsOf(config), dataDir: config.dataDir, host: config.host, port: config.port, log, metricsOpen: config.metricsOpen, door: config.door,
    ...(consoleDir !== undefined && { consoleDir }),
  })
  stopOnSignal(async () => { await (await starting.catch(() => undefined))?.stop() })
  const { address } = await starting
  log.info(`the API listens on ${address}`)
  process.send?.({ type: 'ready', address })
}

try {
  await main()
} catch (error) {
  const known = error instanceof ConfigError || error instanceof PortTakenError
  process.stderr.write(`${known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
