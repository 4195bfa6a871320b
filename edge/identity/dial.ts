import type { X509Certificate } from 'node:crypto'
import net from 'node:net'
import tls from 'node:tls'
import { DOOR_NAME } from '../../registry/domain/contract/gateway-identity.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { checkDoor, type KnownTime } from './check-door.ts'

export interface DialOptions {
  /** host:port. */
  readonly address: string
  /** Whom the door's certificate may be by; null: nobody is asked, so nothing may be told either. */
  readonly authorities: readonly X509Certificate[] | null
  readonly time: KnownTime
  /** What we show; PEM. */
  readonly own?: { readonly certificate: string; readonly key: string }
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const TIMEOUT_MS = 10_000

/**
 * A connection on which the other side is known to be the door, before a byte goes out on it. OpenSSL's own verdict is not
 * used: it goes by the box's clock, and of several faults it tells the last. Refuses (`unavailable`) where nobody answers, and
 * as `checkDoor`.
 */
export async function dialDoor({ address, authorities, time, own, timeoutMs = TIMEOUT_MS, signal }: DialOptions): Promise<tls.TLSSocket> {
  const colon = address.lastIndexOf(':')
  const socket = tls.connect({
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)), servername: DOOR_NAME, minVersion: 'TLSv1.3', rejectUnauthorized: false,
    ...(own && { cert: own.certificate, key: own.key }),
  })
  const abort = () => { socket.destroy(new Error('stopped')) }
  signal?.addEventListener('abort', abort)
  try {
    if (signal?.aborted) abort()
    await new Promise<void>((resolve, reject) => {
      socket.setTimeout(timeoutMs, () => { socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)) })
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
      socket.once('close', () => { reject(new Error('it closed the connection')) })
    })
    socket.setTimeout(0)
    if (authorities !== null) checkDoor(socket.getPeerX509Certificate(), authorities, time, address)
    return socket
  } catch (error) {
    socket.destroy()
    if (error instanceof Error && error.name === 'DomainError') throw error
    return refuse('unavailable', `The platform's door at ${address} cannot be reached (${wordsOf(error)}). Check the address, name service and firewall, and that the platform runs.`, { fault: 'no_door' })
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

function wordsOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ECONNREFUSED' ? 'nothing listens there' : code === 'ENOTFOUND' ? 'no such name' : net.isIP(message) === 0 ? message : code ?? message
}
