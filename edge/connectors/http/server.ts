import { once } from 'node:events'
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError, refuse } from '../../../registry/domain/errors.ts'
import type { SecretReader } from '../kind.ts'
import type { Answer } from './answer.ts'
import type { HttpPushConfig } from './config.ts'

export interface PushRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  /** To be asked for once, when the request is known to be one that is taken. */
  readonly body: () => AsyncIterable<Uint8Array>
}

export interface PushServerOptions {
  readonly listen: string
  readonly tls: HttpPushConfig['tls']
  readonly secret: SecretReader
  readonly handle: (request: PushRequest) => Promise<Answer | null>
  /** Hears why a renewed certificate cannot be used, and (null) that it can. */
  readonly onCertificate: (problem: string | null) => void
  /** How often the certificate's files are looked at, 60 s unless told. */
  readonly certificateMs?: number
}

export interface PushServer {
  readonly port: number
  /** Rejects when the server cannot go on. */
  readonly failed: Promise<never>
  close(): Promise<void>
}

/** A machine that sends this slowly is cut off; so are ten times as many connections as a plant's machines need. */
const WHOLE_REQUEST_MS = 60_000
const HEADERS_MS = 10_000
const KEEP_ALIVE_MS = 75_000
const CONNECTIONS = 500
const LAST_ANSWERS_MS = 1_000

/** Refuses (`unavailable`) an address that cannot be had, (`not_found`, `invalid`) a certificate that cannot be used. */
export async function openPushServer({ listen, tls, secret, handle, onCertificate, certificateMs = 60_000 }: PushServerOptions): Promise<PushServer> {
  const colon = listen.lastIndexOf(':')
  const [host, port] = [listen.slice(0, colon).replace(/^\[|\]$/g, ''), Number(listen.slice(colon + 1))]
  const options = { headersTimeout: HEADERS_MS, requestTimeout: WHOLE_REQUEST_MS, keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: 8 * 1024, connectionsCheckingInterval: 5_000 }
  let pem = tls && readPem(tls, secret)
  const server: Server | TlsServer = pem ? orCure(() => createTlsServer({ ...options, ...pem, minVersion: 'TLSv1.2' })) : createPlainServer(options)
  server.maxConnections = CONNECTIONS
  const atWork = new Set<Promise<void>>()
  const take = (request: IncomingMessage, response: ServerResponse) => {
    const work = serve(request, response, handle)
    atWork.add(work)
    void work.finally(() => atWork.delete(work))
  }
  server.on('request', take)
  // Whoever asks before sending a long body is told then, and spares both sides the rest.
  server.on('checkContinue', take)
  server.on('clientError', (_error, socket) => { if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n') })
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    return refuse('unavailable', `nothing can listen at ${listen} (${error instanceof Error && 'code' in error ? String(error.code) : 'failed'}); name a free address of this machine under listen`)
  }
  const renewing = tls && setInterval(() => {
    try {
      const now = readPem(tls, secret)
      if (now.cert !== pem?.cert || now.key !== pem.key) orCure(() => { (server as TlsServer).setSecureContext({ ...now, minVersion: 'TLSv1.2' }) })
      pem = now
      onCertificate(null)
    } catch (error) {
      onCertificate(error instanceof Error ? error.message : String(error))
    }
  }, certificateMs)
  const failed = once(server, 'close').then((): never => refuse('unavailable', `the server at ${listen} has ended`))
  failed.catch(() => {})
  return {
    port: (server.address() as AddressInfo).port,
    failed,
    async close() {
      clearInterval(renewing)
      const closed = new Promise((resolve) => { server.close(resolve) })
      await Promise.race([Promise.allSettled(atWork), sleep(LAST_ANSWERS_MS, undefined, { ref: false })])
      server.closeAllConnections()
      await closed
    },
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, handle: PushServerOptions['handle']): Promise<void> {
  let asked = false
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2)
  const answer = await handle({
    method: request.method ?? 'GET', path, query: new URLSearchParams(query),
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value])),
    body() {
      asked = true
      if (/^100-continue$/i.test(request.headers.expect ?? '')) response.writeContinue()
      return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
    },
  })
  if (answer === null) {
    response.destroy()
    return
  }
  const { status, headers, body } = answer
  // What was not read of a body must not be taken for the next request.
  const rest = !asked || !request.complete
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers, ...(rest && { connection: 'close' }) })
  response.end(request.method === 'HEAD' ? undefined : `${JSON.stringify(body)}\n`)
  if (rest) request.resume()
}

function readPem({ certificate, key }: NonNullable<HttpPushConfig['tls']>, secret: SecretReader): { cert: string; key: string } {
  return { cert: secret(certificate, 'all'), key: secret(key, 'all') }
}

/** What OpenSSL says of a PEM file it cannot use holds nothing of it. */
function orCure<T>(use: () => T): T {
  try {
    return use()
  } catch (error) {
    if (error instanceof DomainError) throw error
    return refuse('invalid', `the certificate or its key cannot be used (${error instanceof Error ? error.message : String(error)}); both must be PEM, and belong together`)
  }
}
