import { DomainError } from '../domain/errors.ts'

/**
 * SQLSTATE classes of failures that say nothing about what was asked: connection, resources, operator's shutdown,
 * system errors, serialization; and 55P03, a lock that was not to be had in time.
 */
const CLASSES = new Set(['08', '40', '53', '57', '58'])
const NETWORK = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT',
])

/** Whether time may heal a failure: a server is away, overloaded or restarting. */
export function isPassing(error: unknown): boolean {
  if (error instanceof DomainError) return error.code === 'unavailable'
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (typeof code === 'string') return NETWORK.has(code) || code === '55P03' || (code.length === 5 && CLASSES.has(code.slice(0, 2)))
  // pg reports a connection that ended under a query, or could not be had in time, by message alone.
  return typeof message === 'string' && /^(connection terminated|timeout exceeded when trying to connect|client has encountered a connection error|cannot use a pool after)/i.test(message)
}
