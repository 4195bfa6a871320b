/**
 * A refusal a caller can act on. `code` is stable and documented; `message` says what is wrong, where, and how to fix
 * it; `details` holds plain JSON that the boundary may show. Bugs are not DomainErrors: they stay loud.
 */
export class DomainError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}) {
    super(message)
    this.name = 'DomainError'
    this.code = code
    this.details = details
  }
}

/** Each code's HTTP status. One table, so that every boundary maps the same refusal the same way. */
export const errorStatus = {
  invalid: 400,
  contract_broken: 400,
  unit_unknown: 400,
  unauthenticated: 401,
  forbidden: 403,
  separation_of_duties: 403,
  not_found: 404,
  ambiguous: 409,
  conflict: 409,
  in_progress: 409,
  already_exists: 409,
  digest_mismatch: 409,
  evidence_changed: 409,
  gate_closed: 409,
  stale_state: 409,
  idempotency_conflict: 422,
  unprocessable: 422,
  insufficient_data: 422,
  too_large: 413,
  expired: 410,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof errorStatus

/** Throws a {@link DomainError}; reads as a sentence at the call site and narrows types after it. */
export function refuse(code: ErrorCode, message: string, details: Record<string, unknown> = {}): never {
  throw new DomainError(code, message, details)
}
