import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { createServer } from 'node:net'
import path from 'node:path'
import { z } from 'zod'
import { readJson, writeAtomic } from '../private-file.ts'

const schema = z.record(z.string(), z.number())

/** A port that somebody else has, and the variable that moves us elsewhere. */
export class PortTakenError extends Error {
  constructor(port: number, variable: string, host = '127.0.0.1') {
    super(`Port ${port} on ${host} is taken by another program. Set ${variable} to a free one, or stop that program.`)
    this.name = 'PortTakenError'
  }
}

/** Whether nobody listens there; binding is the only sure test. */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true }, () => { server.close(() => { resolve(true) }) })
  })
}

/** By number, the UDP sockets that mark ports as chosen by this process. */
const claims = new Map<number, Socket>()

/**
 * A port that was chosen is nobody's until its server listens, and again while the server is being restarted. So that no
 * two processes of ours choose the same one, each holds the UDP port of that number, which nothing here uses, until it
 * ends, however it ends. False when another holds it.
 */
function claim(port: number): Promise<boolean> {
  if (claims.has(port)) return Promise.resolve(true)
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close()
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else reject(error)
    })
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref()
      claims.set(port, socket)
      resolve(true)
    })
  })
}

/**
 * A port that is free now, below the range from which systems take the ports of outgoing connections: there a server that
 * is down for a moment could find its port taken when it comes back. It stays this process's as long as that lives.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(20_000, 32_000)
    if (!claims.has(port) && await isFree(port, host) && await claim(port)) return port
  }
  throw new Error(`no free port was found on ${host} between 20000 and 32000`)
}

/**
 * Ports for the embedded servers: the one asked for, else the one of last time, else a free one, kept for next time.
 * @throws PortTakenError when the one asked for is taken
 */
export function createPorts(dataDir: string) {
  const file = path.join(dataDir, 'ports.json')
  const remembered = schema.catch({}).parse(readJson(file) ?? {})
  return {
    async choose(name: string, wanted: number | undefined, variable: string): Promise<number> {
      if (wanted !== undefined) {
        if (!await isFree(wanted)) throw new PortTakenError(wanted, variable)
        return wanted
      }
      const former = remembered[name]
      const port = former !== undefined && await isFree(former) && await claim(former) ? former : await freePort()
      remembered[name] = port
      writeAtomic(file, `${JSON.stringify(remembered)}\n`)
      return port
    },
  }
}
