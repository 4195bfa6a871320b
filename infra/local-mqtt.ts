import path from 'node:path'
import type { Config, MqttConnection } from './config.ts'
import { loadSecrets } from './dev/secrets.ts'
import { readJson } from './private-file.ts'
import { statusFile, type PlatformStatus } from './status-file.ts'

/**
 * The broker for a program started beside the platform (an import on the same machine): the one the environment names,
 * else the embedded one of the platform that runs on this data folder. Undefined when none is known.
 */
export function findMqtt(config: Config): MqttConnection | undefined {
  if (config.mqtt) return config.mqtt
  const status = readJson(statusFile(config.dataDir)) as PlatformStatus | undefined
  const part = status?.parts.find(({ name }) => name === 'mqtt')
  if (part?.address === undefined) return undefined
  const { mqttUser, mqttPassword } = loadSecrets(path.resolve(config.dataDir))
  return { url: part.address.includes('://') ? part.address : `mqtt://${part.address}`, username: mqttUser, password: mqttPassword }
}
