import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * `t=<unix seconds>,v1=<hex>`: HMAC-SHA-256 with the webhook's secret over `<t>.<body>`. The time is signed too, so
 * that a receiver can refuse what was recorded and sent again.
 */
export function signatureHeader(secret: string, body: string, unixSeconds: number): string {
  return `t=${unixSeconds},v1=${mac(secret, body, unixSeconds)}`
}

/** What a receiver does; `toleranceSeconds` is how old a call may be. */
export function verifySignature(secret: string, body: string, header: string, nowSeconds: number, toleranceSeconds = 300): boolean {
  const match = /^t=(\d{1,15}),v1=([0-9a-f]{64})$/.exec(header)
  if (!match) return false
  const at = Number(match[1])
  if (Math.abs(nowSeconds - at) > toleranceSeconds) return false
  return timingSafeEqual(Buffer.from(match[2] ?? '', 'hex'), Buffer.from(mac(secret, body, at), 'hex'))
}

const mac = (secret: string, body: string, unixSeconds: number): string =>
  createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex')
