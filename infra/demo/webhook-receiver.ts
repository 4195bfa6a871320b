import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ReceivedHook { type: string; signature: string | null; body: string; at: number }

export interface WebhookReceiver { readonly url: string; readonly received: ReceivedHook[]; stop(): Promise<void> }

/**
 * The maintenance team's end of a webhook: a real HTTP server on loopback that keeps what it was sent, so that the
 * demo can show that a page left the platform.
 */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: ReceivedHook[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      const signature = request.headers['twinward-signature']
      received.push({ type: typeOf(body), signature: typeof signature === 'string' ? signature : null, body, at: Date.now() })
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hooks`,
    received,
    stop: () => new Promise((resolve) => { server.closeAllConnections(); server.close(() => resolve()) }),
  }
}

function typeOf(body: string): string {
  try { return (JSON.parse(body) as { type?: string }).type ?? 'unknown' } catch { return 'unreadable' }
}
