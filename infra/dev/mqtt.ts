import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { userInfo } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MqttConnection } from '../config.ts'
import { tsxArgs } from '../node-child.ts'
import { writePrivate } from '../private-file.ts'
import { findOnPath, packageDir } from '../setup/paths.mjs'
import { mosquittoPasswordLine } from './mosquitto-password.ts'
import type { EmbeddedServer, PartPlaces } from './part.ts'
import { probeMqtt } from './probes.ts'
import type { Secrets } from './secrets.ts'
import { plainEnv } from './tools.ts'

/** Largest message that the embedded brokers take: a batch of 50,000 readings has a few MB. */
const maxMessageBytes = 32 * 1024 * 1024

/** mosquitto when it is on PATH, since it keeps its queues on disk; else aedes in a process of our own. */
export function embeddedMqtt(port: number, secrets: Secrets, places: PartPlaces): EmbeddedServer<MqttConnection> {
  const connection: MqttConnection = {
    url: `mqtt://127.0.0.1:${port}`,
    username: secrets.mqttUser,
    password: secrets.mqttPassword,
  }
  const dir = path.join(places.dataDir, 'mqtt')
  const mosquitto = findMosquitto()
  const common = { name: 'mqtt', graceMs: 3_000, logFile: places.logFile, pidFile: places.pidFile }
  const address = `127.0.0.1:${port}`
  const wipe = () => { rmSync(dir, { recursive: true, force: true }) }
  if (mosquitto) {
    const config = path.join(dir, 'mosquitto.conf')
    const passwords = path.join(dir, 'passwords')
    return {
      version: `mosquitto ${mosquitto.version}`,
      address,
      connection,
      wipe,
      spec: {
        ...common,
        command: mosquitto.path,
        args: ['-c', config],
        env: plainEnv(),
        prepare() {
          mkdirSync(dir, { recursive: true, mode: 0o700 })
          writePrivate(passwords, `${mosquittoPasswordLine(secrets.mqttUser, secrets.mqttPassword)}\n`)
          writePrivate(config, mosquittoConfig({ port, dir, passwords }))
        },
        ready: async () => { await probeMqtt(connection) },
      },
    }
  }
  return {
    version: `aedes ${aedesVersion()}`,
    address,
    connection,
    wipe,
    spec: {
      ...common,
      command: process.execPath,
      args: [...tsxArgs(), fileURLToPath(new URL('./aedes-broker.ts', import.meta.url))],
      env: plainEnv({
        MQTT_BROKER_PORT: String(port),
        MQTT_BROKER_USERNAME: secrets.mqttUser,
        MQTT_BROKER_PASSWORD: secrets.mqttPassword,
        MQTT_BROKER_MAX_MESSAGE_BYTES: String(maxMessageBytes),
      }),
      ready: 'message',
    },
  }
}

function findMosquitto(): { path: string; version: string } | undefined {
  // Debian keeps servers out of an ordinary user's PATH.
  const file = findOnPath('mosquitto') ?? findOnPath('mosquitto', { PATH: '/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin' })
  if (!file) return undefined
  // Asked for help, it says its version, and ends with a code of its own.
  const { stdout } = spawnSync(file, ['-h'], { encoding: 'utf8', timeout: 5_000 })
  const version = /version (\d+\.\d+\.\d+)/.exec(stdout)?.[1]
  // The password file that we write is the form of version 2.
  return version !== undefined && Number(version.split('.')[0]) >= 2 ? { path: file, version } : undefined
}

function mosquittoConfig({ port, dir, passwords }: { port: number; dir: string; passwords: string }): string {
  return [
    // Started by root, it would become another user, who may not read this folder.
    `user ${userInfo().username}`,
    'per_listener_settings false',
    'allow_anonymous false',
    `password_file ${passwords}`,
    `listener ${port} 127.0.0.1`,
    'persistence true',
    `persistence_location ${dir}/`,
    'autosave_interval 60',
    'max_inflight_messages 1000',
    'max_queued_messages 100000',
    `message_size_limit ${maxMessageBytes}`,
    'set_tcp_nodelay true',
    'log_dest stderr',
    'log_type error',
    'log_type warning',
    'log_type notice',
    '',
  ].join('\n')
}

function aedesVersion(): string {
  const { version } = JSON.parse(readFileSync(path.join(packageDir('aedes'), 'package.json'), 'utf8')) as { version: string }
  return version
}
