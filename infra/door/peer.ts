import { createHash, type X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { refuseCertificate } from '../../registry/domain/identity/certificate-state.ts'

/**
 * SHA-256 over the certificate that the other side has shown, and so proved to have the key of (TLS 1.3, RFC 8446 4.4.3).
 * Whether it is in the register, revoked or over is asked there. Refuses (`unauthenticated`) none, and one of another authority.
 */
export function fingerprintOf(socket: TLSSocket, authorities: readonly X509Certificate[]): string {
  const shown = socket.getPeerX509Certificate()
  if (shown === undefined) return refuseCertificate('none')
  if (!authorities.some((authority) => isBy(shown, authority))) return refuseCertificate('stranger')
  return createHash('sha256').update(shown.raw).digest('hex')
}

function isBy(shown: X509Certificate, authority: X509Certificate): boolean {
  try {
    return shown.checkIssued(authority) && shown.verify(authority.publicKey)
  } catch {
    // A key of another kind.
    return false
  }
}

/** Where somebody comes from, as logs and the register have it. */
export const addressOf = (socket: { remoteAddress?: string | undefined; remotePort?: number | undefined }): string => `${socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'unknown'}:${socket.remotePort ?? 0}`
