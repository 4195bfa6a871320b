import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect as tcpConnect } from 'node:net'
import os from 'node:os'
import path from 'node:path'

/** Where Debian puts mosquitto is not on every PATH. */
const candidates = ['mosquitto', '/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto']

export function findMosquitto(): string | undefined {
  return candidates.find((command) => spawnSync(command, ['-h'], { stdio: 'ignore' }).error === undefined)
}

export interface Broker {
  readonly url: string
  readonly port: number
  stop(signal?: NodeJS.Signals): Promise<void>
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}

/** A broker of its own on a free (or the given) port; undefined where mosquitto is not installed. */
export async function startMosquitto(port?: number): Promise<Broker | undefined> {
  const command = findMosquitto()
  if (!command) return undefined
  const chosen = port ?? (await freePort())
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-broker-'))
  const config = path.join(directory, 'mosquitto.conf')
  writeFileSync(config, `listener ${chosen} 127.0.0.1\nallow_anonymous true\nlog_type none\npersistence false\nmax_queued_messages 0\nuser root\n`)
  const child = spawn(command, ['-c', config], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('exit', () => { resolve() }))
  for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt++) {
    if (await answers(chosen)) break
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return {
    url: `mqtt://127.0.0.1:${chosen}`,
    port: chosen,
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = tcpConnect(port, '127.0.0.1')
    socket.once('connect', () => { socket.destroy(); resolve(true) })
    socket.once('error', () => { resolve(false) })
  })
}
