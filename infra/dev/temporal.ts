import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { TemporalConnection } from '../config.ts'
import type { EmbeddedServer, PartPlaces } from './part.ts'
import { probeTemporal } from './probes.ts'
import { locateTool, plainEnv } from './tools.ts'

/**
 * How often a shard may look for what is to be handed to workers. Temporal's default of 20 suits a cluster of hundreds of
 * shards; with the one of a development server each step of any workflow waits up to 50 ms for its turn.
 */
const POLLS_A_SECOND = 1000

/** Temporal's own development server with its Web UI, persistent in one SQLite file. */
export function embeddedTemporal(
  ports: { grpc: number; ui: number }, namespace: string, places: PartPlaces,
): EmbeddedServer<TemporalConnection> {
  const tool = locateTool('temporal')
  const dir = path.join(places.dataDir, 'temporal')
  const uiUrl = `http://127.0.0.1:${ports.ui}`
  const connection: TemporalConnection = { address: `127.0.0.1:${ports.grpc}`, namespace, uiUrl }
  return {
    version: tool.version,
    address: connection.address,
    uiUrl,
    connection,
    spec: {
      name: 'temporal',
      command: tool.path,
      args: [
        'server', 'start-dev', '--db-filename', path.join(dir, 'temporal.db'),
        // Without these two it reaches half the speed.
        '--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=1',
        '--dynamic-config-value', `history.transferProcessorMaxPollRPS=${POLLS_A_SECOND}`,
        '--ip', '127.0.0.1', '--port', String(ports.grpc), '--ui-port', String(ports.ui),
        '--namespace', namespace, '--log-level', 'warn', '--log-format', 'json',
      ],
      env: plainEnv(),
      graceMs: 3_500,
      logFile: places.logFile,
      pidFile: places.pidFile,
      prepare() { mkdirSync(dir, { recursive: true, mode: 0o700 }) },
      ready: async () => { await probeTemporal(connection) },
    },
    wipe() {
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
