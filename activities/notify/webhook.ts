import { lookup as dnsLookup, type LookupAddress } from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { BusEvent } from '../../registry/domain/contract/bus-event.ts'
import { mayBeCalled } from './receiver-address.ts'
import { signatureHeader } from './signature.ts'

export interface WebhookCall {
  readonly url: string
  readonly secret: string
  readonly event: BusEvent
  /** `openlineage`: what the event carries, without what is around it. Unless told the event itself. */
  readonly format?: 'event' | 'openlineage'
  /** Shown to the receiver, where it asks for one. */
  readonly bearer?: string | null
}
export interface WebhookOptions { readonly timeoutMs?: number; readonly nowMs?: () => number }

/**
 * Posts one event to one receiver, signed. Resolves on a 2xx answer; rejects on anything else, redirects included (what
 * was signed for one address is not shown to another). The caller tries again, with the same event id.
 */
export async function callWebhook({ url, secret, event, format = 'event', bearer = null }: WebhookCall, { timeoutMs = 10_000, nowMs = Date.now }: WebhookOptions = {}): Promise<void> {
  const target = new URL(url)
  const literal = target.hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0 && !mayBeCalled(literal)) throw new Error(`${target.hostname} is an address that webhooks may not call`)
  const body = JSON.stringify(format === 'openlineage' ? event.data : event)
  const status = await post(target, body, {
    'content-type': 'application/json',
    'user-agent': 'twinward-webhook/1',
    'twinward-event-id': event.id,
    'twinward-event-type': event.type,
    'twinward-signature': signatureHeader(secret, body, Math.floor(nowMs() / 1000)),
    ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
  }, timeoutMs)
  if (status < 200 || status > 299) throw new Error(`the receiver answered ${status}`)
}

function post(target: URL, body: string, headers: Record<string, string>, timeoutMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const client = target.protocol === 'https:' ? https : http
    const request = client.request(target, {
      method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) }, lookup: checkedLookup, signal, agent: false,
    }, (response) => {
      // The answer's status is all we want; its body may be endless.
      response.destroy()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', (error) => {
      reject(signal.aborted ? new Error(`the receiver did not answer within ${timeoutMs / 1000} s`) : error)
    })
    request.end(body)
  })
}

/** Checks the very address that is then connected to, so that a name cannot change its meaning in between. */
const checkedLookup: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, '', 0)
    const allowed = addresses.filter(({ address }) => mayBeCalled(address))
    const first = allowed[0]
    if (!first) return callback(new Error(`${hostname} resolves to an address that webhooks may not call`), '', 0)
    if (options.all) return callback(null, allowed)
    callback(null, first.address, first.family)
  })
}
