import { createServer, connect, type AddressInfo, type Socket } from 'node:net'

/** A TCP proxy that can go half-open (connected, but nothing passes) and break off. */
export interface TcpProxy {
  readonly port: number
  /** Nothing passes any more, and nobody is told: a cut cable. */
  freeze(): void
  /** Existing connections stay dead; new ones pass. */
  thaw(): void
  breakOff(): void
  close(): Promise<void>
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let frozen = false
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    let dead = false
    const pass = (from: Socket, to: Socket) => {
      sockets.add(from)
      from.on('data', (bytes) => {
        dead ||= frozen
        if (!dead) to.write(bytes)
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        if (!dead) to.destroy()
      })
    }
    pass(near, far)
    pass(far, near)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const breakOff = () => { for (const socket of sockets) socket.destroy() }
  return {
    port: (server.address() as AddressInfo).port,
    freeze() { frozen = true },
    thaw() { frozen = false },
    breakOff,
    async close() {
      breakOff()
      await new Promise((resolve) => { server.close(resolve) })
    },
  }
}
