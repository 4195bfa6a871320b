import { refuse } from '../../../registry/domain/errors.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** What is wrong with one record of a request. */
export interface PushProblem {
  /** JSON Pointer into the body, or `line 7`. */
  readonly at: string
  readonly name: string | null
  readonly detail: string
}

/** What a request may be refused for, with status and title (RFC 9457); the same codes as the platform's API. */
const refusals = {
  invalid: [400, 'The request is not valid'],
  unauthenticated: [401, 'Not authenticated'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  too_large: [413, 'Too large'],
  unsupported_media_type: [415, 'Unsupported media type'],
  idempotency_conflict: [422, 'The Idempotency-Key belongs to another request'],
  unprocessable: [422, 'Cannot be done as asked'],
  too_many_requests: [429, 'Too many requests'],
  internal: [500, 'Internal error'],
  unavailable: [503, 'Not available now'],
} as const
export type RefusalCode = keyof typeof refusals

export const isRefusalCode = (code: string): code is RefusalCode => Object.hasOwn(refusals, code)

export function problem(code: RefusalCode, detail: string, headers: Readonly<Record<string, string>> = {}, errors: readonly PushProblem[] = []): Answer {
  const [status, title] = refusals[code]
  return {
    status, headers: { 'content-type': 'application/problem+json', ...headers },
    body: { type: `urn:twinward:error:${code}`, title, status, detail, ...(errors.length > 0 && { errors }) },
  }
}

export const comeAgain = (code: 'too_many_requests' | 'unavailable', detail: string, seconds: number): Answer =>
  problem(code, detail, { 'retry-after': String(Math.max(1, Math.ceil(seconds))) })

/** A sentence for whoever wrote the machine's program; ends the reading of one record. */
export const faulty = (detail: string): never => refuse('invalid', detail)
