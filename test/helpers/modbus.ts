import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { Line, LineEvents, OpenLine } from '../../edge/connectors/modbus/line.ts'

/** A wire in memory: what is sent comes to `onSend`; the test speaks for the machine. */
export interface MemoryLine {
  readonly open: OpenLine
  onSend: (bytes: Uint8Array) => void
  receive(bytes: Uint8Array): void
  end(why: string): void
  readonly closed: boolean
}

export function memoryLine(): MemoryLine {
  let events: LineEvents | undefined
  const state = { closed: false }
  const line: MemoryLine = {
    onSend: () => {},
    receive: (bytes) => { if (!state.closed) events?.data(bytes) },
    end(why) {
      state.closed = true
      events?.closed(why)
    },
    get closed() { return state.closed },
    open(given): Promise<Line> {
      events = given
      return Promise.resolve({ send: (bytes) => { line.onSend(bytes) }, close: () => { state.closed = true } })
    },
  }
  return line
}

/** Bit by bit, as the serial line guide's appendix draws it; the connector has a table. */
export function slowCrc(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let i = 0; i < 8; i++) crc = crc % 2 === 1 ? (Math.floor(crc / 2) ^ 0xa001) : Math.floor(crc / 2)
  }
  return crc
}

export const rtuFrame = (bytes: Uint8Array): Buffer => {
  const crc = slowCrc(bytes)
  return Buffer.from([...bytes, crc % 256, Math.floor(crc / 256)])
}

export const mbapFrame = (transaction: number, bytes: Uint8Array): Buffer =>
  Buffer.from([transaction >> 8, transaction & 255, 0, 0, bytes.length >> 8, bytes.length & 255, ...bytes])

export interface Asked {
  readonly unit: number
  readonly function: number
  readonly start: number
  readonly count: number
  readonly transaction: number
}

/** How a device answers: with its registers, an exception, any bytes whatever, after a while, or never. */
export type Reply = 'value' | 'silence' | 'hang up' | { readonly exception: number } | { readonly raw: Uint8Array } | { readonly afterMs: number }

export interface TestDevice {
  readonly port: number
  readonly asked: Asked[]
  readonly connections: () => number
  /** May change at any time. */
  behave: (asked: Asked) => Reply
  /** Frames the answer to `asked` as this device's wire does. */
  frame(asked: Asked, pdu: Uint8Array): Buffer
  hangUp(): void
  stop(): Promise<void>
}

/** Register and coil values anybody can work out: unit · 1000 + register; every third coil is on. */
export const registerValue = (unit: number, register: number): number => (unit * 1_000 + register) & 0xffff
export const coilValue = (register: number): number => (register % 3 === 0 ? 1 : 0)

export function goodPdu({ unit, function: code, start, count }: Asked): Buffer {
  if (code === 1 || code === 2) {
    const data = Buffer.alloc(Math.ceil(count / 8))
    for (let i = 0; i < count; i++) if (coilValue(start + i) === 1) data[i >> 3] = (data[i >> 3] ?? 0) | (1 << (i & 7))
    return Buffer.from([code, data.length, ...data])
  }
  const data = Buffer.alloc(2 * count)
  for (let i = 0; i < count; i++) data.writeUInt16BE(registerValue(unit, start + i), 2 * i)
  return Buffer.from([code, data.length, ...data])
}

/** A Modbus device on loopback that does as told: well, badly or not at all. */
export async function startDevice(framing: 'tcp' | 'rtu-over-tcp' = 'tcp', port = 0): Promise<TestDevice> {
  const sockets = new Set<Socket>()
  const asked: Asked[] = []
  let connections = 0
  const size = framing === 'tcp' ? 12 : 8
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let rest = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      for (; rest.length >= size; rest = rest.subarray(size)) {
        const at = framing === 'tcp' ? 6 : 0
        const one: Asked = {
          unit: rest[at] ?? 0, function: rest[at + 1] ?? 0, start: rest.readUInt16BE(at + 2), count: rest.readUInt16BE(at + 4), transaction: framing === 'tcp' ? rest.readUInt16BE(0) : 0,
        }
        asked.push(one)
        reply(socket, one, device.behave(one))
      }
    })
  })
  const reply = (socket: Socket, one: Asked, how: Reply) => {
    if (how === 'silence') return
    if (how === 'hang up') socket.destroy()
    else if (how === 'value') socket.write(device.frame(one, goodPdu(one)))
    else if ('exception' in how) socket.write(device.frame(one, Uint8Array.of(one.function | 0x80, how.exception)))
    else if ('raw' in how) socket.write(how.raw)
    else setTimeout(() => { reply(socket, one, 'value') }, how.afterMs)
  }
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const device: TestDevice = {
    port: (server.address() as AddressInfo).port,
    asked,
    connections: () => connections,
    behave: () => 'value',
    frame: (one, pdu) => (framing === 'tcp' ? mbapFrame(one.transaction, Uint8Array.of(one.unit, ...pdu)) : rtuFrame(Uint8Array.of(one.unit, ...pdu))),
    hangUp() { for (const socket of sockets) socket.destroy() },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => { server.close(resolve) })
    },
  }
  return device
}
