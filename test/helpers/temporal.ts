import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { launch } from '../../infra/child-process.ts'
import type { TemporalConnection } from '../../infra/config.ts'
import { freePort } from '../../infra/dev/ports.ts'
import { embeddedTemporal } from '../../infra/dev/temporal.ts'

/**
 * A Temporal of the test's own that suggests to continue as new after that many events of a history, where a usual one
 * does after thousands.
 */
export async function startForgetfulTemporal(suggestAfterEvents: number): Promise<{ connection: TemporalConnection; stop(): Promise<void> }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'twinward-temporal-'))
  const server = embeddedTemporal({ grpc: await freePort(), ui: await freePort() }, 'default', {
    dataDir: dir, logFile: path.join(dir, 'temporal.log'), pidFile: path.join(dir, 'temporal.pid'),
  })
  const child = await launch({
    ...server.spec, args: [...server.spec.args, '--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${suggestAfterEvents}`],
  })
  await child.ready
  return {
    connection: server.connection,
    async stop() {
      await child.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
