/** The door process: lets gateways in from the network, until it is told to stop. */
import { createMinioStore } from '../../registry/artifacts/minio.ts'
import { createPool } from '../../registry/store/pool.ts'
import { ConfigError, connectionsOf, loadConfig } from '../config.ts'
import { PortTakenError } from '../dev/ports.ts'
import { startDoor } from '../door/door.ts'
import { openAuthority } from '../gateway-ca/authority.ts'
import { openPartLog } from '../part-log.ts'
import { stopOnSignal } from '../stop-on-signal.ts'

async function main(): Promise<void> {
  const config = loadConfig()
  const { database, s3, mqtt } = connectionsOf(config)
  const log = openPartLog('door', config.logLevel)
  const pool = createPool(database.url, { max: 6, applicationName: 'twinward-door' })
  const nowUs = () => Date.now() * 1000
  const authority = await openAuthority({ dataDir: config.dataDir, nowUs, ...(config.door.authority && { yours: config.door.authority }) })
  const starting = startDoor({ ctx: { pool, objects: createMinioStore(s3), nowUs }, authority, config: config.door, mqtt, log })
  stopOnSignal(async () => {
    await (await starting.catch(() => undefined))?.stop()
    await pool.end()
  })
  const { address } = await starting
  process.send?.({ type: 'ready', address })
  log.info(`gateways come in by ${address}`)
}

try {
  await main()
} catch (error) {
  const known = error instanceof ConfigError || error instanceof PortTakenError
  process.stderr.write(`${known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
