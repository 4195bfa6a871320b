import { DomainError } from '../../../registry/domain/errors.ts'

/** What a server says when it does not let us in, and what to do about it (OPC UA Part 4, 7.39.2). */
const CURES: readonly (readonly [pattern: RegExp, cure: string])[] = [
  [/BadUserAccessDenied|BadIdentityTokenRejected|BadIdentityTokenInvalid/, 'it does not accept this user; check `user` in the site file, and the secret it refers to'],
  [/BadCertificateUntrusted|BadSecurityChecksFailed|BadCertificateUseNotAllowed|BadCertificateUriInvalid/, 'it does not trust this gateway; have OWN moved to its trusted certificates'],
  [/BadTooManySessions|BadMaxConnectionsReached|BadTooManySubscriptions/, 'it has no room for another client; close one, or raise its limit'],
  [/ECONNREFUSED/, 'nothing listens there; check host and port, and that the server runs'],
  [/ENOTFOUND|EAI_AGAIN/, 'its name cannot be resolved; check `endpoint`, or write its IP address'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|imeout/, 'it does not answer; check the network, a firewall between, and that the server runs'],
]

/** The stack's error as one that says where and what to do; `ownCertificate` is the file a server must trust. */
export function connectionFailure(endpoint: string, error: unknown, ownCertificate: string): DomainError {
  if (error instanceof DomainError) return error
  const message = error instanceof Error ? error.message : String(error)
  const cure = CURES.find(([pattern]) => pattern.test(message))?.[1].replace('OWN', ownCertificate)
  const [line = ''] = message.split('\n').map((part) => part.trim()).filter((part) => part !== '')
  return new DomainError('unavailable', cure === undefined ? `cannot connect to ${endpoint}: ${line}` : `cannot connect to ${endpoint}: ${cure}`, { endpoint, reason: message })
}

/** What went wrong after that: a connection that is to be made anew. */
export function connectionLost(endpoint: string, error: unknown): DomainError {
  if (error instanceof DomainError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new DomainError('unavailable', `${endpoint}: ${reason.trim().split('\n')[0] ?? ''}; the connection is made anew`, { endpoint, reason })
}
