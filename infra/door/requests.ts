import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import type { z } from 'zod'
import { ApiError, invalidRequest, problemOf } from '../../api/errors.ts'
import { authoritiesSchema, enrolRequestSchema, renewRequestSchema, type GivenCertificate, type IdentityState } from '../../registry/domain/contract/gateway-identity.ts'
import { DomainError, refuse } from '../../registry/domain/errors.ts'
import { renewalDueUs } from '../../registry/domain/identity/certificate-state.ts'
import { lookAtCertificate } from '../../registry/services/gateways/admit-gateway.ts'
import { noteRefusal } from '../../registry/services/gateways/note-access.ts'
import { renewCertificate } from '../../registry/services/gateways/renew-certificate.ts'
import { takeCertificate, type CertificateDeps, type TakenCertificate } from '../../registry/services/gateways/take-certificate.ts'
import type { PlatformAuthority } from '../gateway-ca/authority.ts'
import { addressOf, fingerprintOf } from './peer.ts'

export interface DoorDeps extends CertificateDeps {
  readonly authority: PlatformAuthority
  readonly log: Logger
  /** Where gateways reach MQTT: host:port. */
  readonly mqttAddress: () => string
}

/** A request has two PEM blocks at the most. */
const MAX_BODY = 16_384

type Handler = (request: IncomingMessage, socket: TLSSocket) => Promise<unknown>

/** What the door answers over HTTPS: four requests, each a service. */
export function createRequests(deps: DoorDeps): (request: IncomingMessage, response: ServerResponse) => void {
  const { authority, log } = deps
  const fingerprint = (socket: TLSSocket) => fingerprintOf(socket, authority.certificates())
  const give = (taken: TakenCertificate): GivenCertificate => ({ ...taken, mqtt: deps.mqttAddress(), serverUs: deps.nowUs() })

  const handlers: Readonly<Record<string, Handler>> = {
    'GET /ca': async () => authoritiesSchema.parse({ authorities: [...authority.trusted()] }),
    'POST /enrol': async (request, socket) => {
      const { token, request: csr } = await bodyOf(request, enrolRequestSchema)
      const taken = await takeCertificate(deps, { token, request: csr, address: addressOf(socket) })
      log.info({ site: taken.site, gateway: taken.gateway, address: addressOf(socket) }, 'a gateway was enrolled')
      return give(taken)
    },
    'POST /renew': async (request, socket) => {
      const shown = fingerprint(socket)
      const { request: csr } = await bodyOf(request, renewRequestSchema)
      const taken = await renewCertificate(deps, { fingerprint: shown, request: csr, address: addressOf(socket) })
      log.info({ site: taken.site, gateway: taken.gateway, address: addressOf(socket) }, 'a certificate was renewed')
      return give(taken)
    },
    'GET /identity': async (_request, socket): Promise<IdentityState> => {
      const { site, gateway, notBeforeUs, notAfterUs } = await lookAtCertificate(deps, fingerprint(socket))
      return { site, gateway, notAfterUs, renewDue: deps.nowUs() >= renewalDueUs(notBeforeUs, notAfterUs), serverUs: deps.nowUs() }
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const socket = request.socket as TLSSocket
    const what = `${request.method ?? ''} ${request.url ?? ''}`
    try {
      const handler = handlers[what] ?? refuse('not_found', 'The door answers GET /ca, POST /enrol, POST /renew and GET /identity.')
      send(response, 200, 'application/json', await handler(request, socket))
    } catch (error) {
      const traceId = randomBytes(16).toString('hex')
      const { problem, bug } = problemOf(error, traceId)
      if (bug) log.error({ err: error, traceId, what }, 'a request at the door failed')
      else log.warn({ what, traceId, address: addressOf(socket), status: problem.status, problem: problem.detail, ...problem.details }, 'refused at the door')
      if (error instanceof DomainError) await noted(deps, error, addressOf(socket))
      send(response, problem.status, 'application/problem+json', problem)
    }
  }
  return (request, response) => { void answer(request, response) }
}

/** Where the refusal says of whom it was, it is kept for whoever asks how that gateway is. */
export async function noted(deps: Pick<DoorDeps, 'pool' | 'objects' | 'nowUs' | 'log'>, error: DomainError, address: string): Promise<void> {
  const { site, gateway } = error.details
  if (typeof site !== 'string' || typeof gateway !== 'string') return
  await noteRefusal(deps, { site, gateway }, error, address).catch((cause: unknown) => { deps.log.warn({ err: cause, site, gateway }, 'a refusal could not be kept') })
}

async function bodyOf<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY) throw new ApiError('too_large', `The body has more than ${MAX_BODY} bytes.`)
    chunks.push(chunk)
  }
  const parsed = schema.safeParse(parseJson(Buffer.concat(chunks).toString('utf8')))
  if (parsed.success) return parsed.data
  throw invalidRequest('json', parsed.error)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ApiError('invalid', 'The body is not JSON: check its quotes, commas and brackets.')
  }
}

function send(response: ServerResponse, status: number, type: string, body: unknown): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', connection: 'close' })
  response.end(JSON.stringify(body))
}
