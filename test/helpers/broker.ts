import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { launch, type RunningChild } from '../../infra/child-process.ts'
import type { MqttConnection } from '../../infra/config.ts'
import { aedesBroker } from '../../infra/dev/aedes.ts'
import { findMosquitto, mosquittoBroker } from '../../infra/dev/mosquitto.ts'
import { freePort } from '../../infra/dev/ports.ts'
import { loadSecrets } from '../../infra/dev/secrets.ts'

export interface TestBroker {
  readonly connection: MqttConnection
  /** Ends it at once, as a crash would. */
  crash(): Promise<void>
  /** On the same port, after a crash. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export const hasMosquitto = (): boolean => findMosquitto() !== undefined

/** A broker of the test's own, the very one that the embedded stack would start; aedes where it must be or mosquitto is not there. */
export async function startBroker(kind?: 'aedes' | 'mosquitto'): Promise<TestBroker> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-broker-'))
  const places = { dataDir: directory, logFile: path.join(directory, 'broker.log'), pidFile: path.join(directory, 'broker.pid') }
  const program = kind === 'aedes' ? undefined : findMosquitto()
  const port = await freePort()
  const secrets = loadSecrets(directory)
  const server = program ? mosquittoBroker(program, port, secrets, places) : aedesBroker(port, secrets, places)
  let child: RunningChild
  const start = async () => {
    child = await launch(server.spec)
    await child.ready
  }
  await start()
  return {
    connection: server.connection,
    async crash() {
      child.kill('SIGKILL')
      await child.exited
      // What a broker keeps on disk is no part of any promise of ours.
      server.wipe()
    },
    restart: start,
    async stop() {
      await child.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
