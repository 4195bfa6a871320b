import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { userInfo } from 'node:os'
import path from 'node:path'
import type { MqttConnection } from '../config.ts'
import { writePrivate } from '../private-file.ts'
import { findOnPath } from '../setup/paths.mjs'
import { mosquittoPasswordLine } from './mosquitto-password.ts'
import { maxMessageBytes, maxQueuedMessages } from './mqtt-limits.ts'
import type { EmbeddedServer, PartPlaces } from './part.ts'
import { probeMqtt } from './probes.ts'
import type { Secrets } from './secrets.ts'
import { plainEnv } from './tools.ts'

export interface Mosquitto {
  path: string
  version: string
}

/** mosquitto 2 or newer, if this machine has it. */
export function findMosquitto(): Mosquitto | undefined {
  // Debian keeps servers out of an ordinary user's PATH.
  const file = findOnPath('mosquitto') ?? findOnPath('mosquitto', { PATH: '/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin' })
  if (!file) return undefined
  // Asked for help, it says its version, and ends with a code of its own.
  const { stdout } = spawnSync(file, ['-h'], { encoding: 'utf8', timeout: 5_000 })
  const version = /version (\d+\.\d+\.\d+)/.exec(stdout)?.[1]
  // The password file that we write is the form of version 2.
  return version !== undefined && Number(version.split('.')[0]) >= 2 ? { path: file, version } : undefined
}

export function mosquittoBroker(
  program: Mosquitto, port: number, secrets: Secrets, places: PartPlaces,
): EmbeddedServer<MqttConnection> {
  const address = `127.0.0.1:${port}`
  const connection: MqttConnection = { url: `mqtt://${address}`, username: secrets.mqttUser, password: secrets.mqttPassword }
  const dir = path.join(places.dataDir, 'mqtt')
  const config = path.join(dir, 'mosquitto.conf')
  const passwords = path.join(dir, 'passwords')
  return {
    version: `mosquitto ${program.version}`,
    address,
    connection,
    wipe() { rmSync(dir, { recursive: true, force: true }) },
    spec: {
      name: 'mqtt',
      command: program.path,
      args: ['-c', config],
      env: plainEnv(),
      prepare() {
        mkdirSync(dir, { recursive: true, mode: 0o700 })
        writePrivate(passwords, `${mosquittoPasswordLine(secrets.mqttUser, secrets.mqttPassword)}\n`)
        writePrivate(config, configuration({ port, dir, passwords }))
      },
      ready: async () => { await probeMqtt(connection) },
      logFile: places.logFile,
      pidFile: places.pidFile,
    },
  }
}

function configuration({ port, dir, passwords }: { port: number; dir: string; passwords: string }): string {
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
    `max_queued_messages ${maxQueuedMessages}`,
    `message_size_limit ${maxMessageBytes}`,
    'set_tcp_nodelay true',
    'log_dest stderr',
    'log_type error',
    'log_type warning',
    'log_type notice',
    '',
  ].join('\n')
}
