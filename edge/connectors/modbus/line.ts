import { connect } from 'node:net'
import { DomainError } from '../../../registry/domain/errors.ts'

/** Bytes to and from a machine, over whatever wire. */
export interface Line {
  send(bytes: Uint8Array): void
  /** Ends it at once; `closed` is not told. */
  close(): void
}

export interface LineEvents {
  data(bytes: Uint8Array): void
  /** Told once, when the line ends by itself. */
  closed(why: string): void
}

/** Refuses (`unavailable`) with what to look at when there is no line to be had. */
export type OpenLine = (events: LineEvents, signal: AbortSignal) => Promise<Line>

export interface TcpTarget {
  readonly host: string
  readonly port: number
  readonly connectTimeoutMs: number
}

const KEEP_ALIVE_MS = 10_000

export const tcpLine = ({ host, port, connectTimeoutMs }: TcpTarget): OpenLine => (events, signal) => new Promise((resolve, reject) => {
  const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS })
  let state: 'opening' | 'open' | 'ended' = 'opening'
  let why = 'the other side closed the connection'
  const timer = setTimeout(() => { socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)) }, connectTimeoutMs)
  const end = () => {
    state = 'ended'
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
  function abort() {
    if (state === 'opening') reject(new Error('stopped while connecting'))
    end()
  }
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()

  socket.on('connect', () => {
    if (state !== 'opening') return
    state = 'open'
    clearTimeout(timer)
    resolve({ send: (bytes) => { if (state === 'open') socket.write(bytes) }, close: end })
  })
  socket.on('data', (bytes) => { if (state === 'open') events.data(bytes) })
  socket.on('error', (error) => { why = error.message })
  socket.on('close', () => {
    const before = state
    end()
    if (before === 'open') events.closed(why)
    if (before === 'opening') {
      reject(new DomainError('unavailable', `no Modbus connection to ${host}:${port}: ${why}; check host and port, that the device is on, that its Modbus server is enabled and that no firewall stands between`))
    }
  })
})
