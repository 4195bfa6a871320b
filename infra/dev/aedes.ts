import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { MqttConnection } from '../config.ts'
import { childArgs } from '../node-child.ts'
import { packageDir } from '../setup/paths.mjs'
import { maxMessageBytes, maxQueuedMessages } from './mqtt-limits.ts'
import type { EmbeddedServer, PartPlaces } from './part.ts'
import type { Secrets } from './secrets.ts'
import { plainEnv } from './tools.ts'

export function aedesBroker(port: number, secrets: Secrets, places: PartPlaces): EmbeddedServer<MqttConnection> {
  const address = `127.0.0.1:${port}`
  return {
    version: `aedes ${packageVersion()}`,
    address,
    connection: { url: `mqtt://${address}`, username: secrets.mqttUser, password: secrets.mqttPassword },
    wipe() {
      // What it holds is in memory, and gone when it stops.
    },
    spec: {
      name: 'mqtt',
      command: process.execPath,
      args: childArgs('infra/dev/aedes-broker.ts'),
      env: plainEnv({
        MQTT_BROKER_PORT: String(port),
        MQTT_BROKER_USERNAME: secrets.mqttUser,
        MQTT_BROKER_PASSWORD: secrets.mqttPassword,
        MQTT_BROKER_MAX_MESSAGE_BYTES: String(maxMessageBytes),
        MQTT_BROKER_MAX_QUEUED: String(maxQueuedMessages),
      }),
      ready: 'message',
      logFile: places.logFile,
      pidFile: places.pidFile,
    },
  }
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(path.join(packageDir('aedes'), 'package.json'), 'utf8')) as { version: string }
  return version
}
