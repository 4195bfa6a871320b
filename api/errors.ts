import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'
import { DomainError, errorStatus, type ErrorCode } from '../registry/domain/errors.ts'
import type { ApiEnv } from './env.ts'

/** Refusals that only HTTP knows, beside the domain's own codes. */
const httpOnlyStatus = {
  method_not_allowed: 405,
  unsupported_media_type: 415,
  too_many_requests: 429,
  internal: 500,
} as const

const statuses = { ...errorStatus, ...httpOnlyStatus }
export type ProblemCode = ErrorCode | keyof typeof httpOnlyStatus

const titles: Record<ProblemCode, string> = {
  invalid: 'The request is not valid',
  contract_broken: 'The data contract is broken',
  unit_unknown: 'Unknown unit',
  unauthenticated: 'Not authenticated',
  forbidden: 'Not allowed',
  separation_of_duties: 'Somebody else must decide this',
  not_found: 'Not found',
  ambiguous: 'More than one thing is meant',
  conflict: 'In conflict with the present state',
  in_progress: 'Still being worked on',
  already_exists: 'Exists already',
  digest_mismatch: 'The content is not what its digest says',
  evidence_changed: 'The evidence has changed',
  gate_closed: 'The gate is closed',
  stale_state: 'The state has moved on',
  idempotency_conflict: 'The Idempotency-Key belongs to another request',
  unprocessable: 'Cannot be done as asked',
  insufficient_data: 'Not enough data',
  too_large: 'Too large',
  expired: 'No longer kept',
  unavailable: 'Not available now',
  method_not_allowed: 'Method not allowed',
  unsupported_media_type: 'Unsupported media type',
  too_many_requests: 'Too many requests',
  internal: 'Internal error',
}

export const fieldProblemSchema = z
  .object({
    in: z.enum(['body', 'query', 'path', 'header']),
    pointer: z.string().describe('JSON Pointer (RFC 6901) to the field'),
    detail: z.string(),
  })
  .meta({ id: 'FieldProblem' })
export type FieldProblem = z.infer<typeof fieldProblemSchema>

/** RFC 9457, with the trace id under which the log has the rest. */
export const problemSchema = z
  .object({
    type: z.string().describe('urn:twinward:error:<code>; codes are stable'),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().describe('What is wrong, where, and how to fix it'),
    instance: z.string().describe('urn:twinward:trace:<trace id>'),
    errors: z.array(fieldProblemSchema).optional(),
    details: z.record(z.string(), z.unknown()).optional().describe('Facts of this refusal, e.g. the right that was missing'),
  })
  .meta({ id: 'Problem' })
export type Problem = z.infer<typeof problemSchema>

/** A refusal that only the HTTP boundary makes. */
export class ApiError extends Error {
  readonly code: ProblemCode
  readonly errors: readonly FieldProblem[]
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ProblemCode, message: string, more: { errors?: readonly FieldProblem[]; headers?: Record<string, string> } = {}) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.errors = more.errors ?? []
    this.headers = more.headers ?? {}
  }
}

type Target = 'json' | 'form' | 'query' | 'param' | 'header' | 'cookie'
const places = { json: 'body', form: 'body', query: 'query', param: 'path', header: 'header', cookie: 'header' } as const

/** What a schema found wrong, as a refusal that points at each field. */
export function invalidRequest(target: Target, error: z.core.$ZodError): ApiError {
  const errors = error.issues.map((issue) => ({
    in: places[target],
    pointer: issue.path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    detail: issue.message,
  }))
  const first = errors[0]
  const where = first === undefined ? '' : `: ${first.pointer || `the ${first.in}`} – ${first.detail}`
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return new ApiError('invalid', `The ${places[target]} does not fit what this operation takes${where}${more}. GET /openapi.json describes it.`, { errors })
}

/** The problem document of anything thrown; what is not a refusal becomes a 500 that says nothing but its trace. */
export function problemOf(error: unknown, traceId: string): { problem: Problem; headers: Readonly<Record<string, string>>; bug: boolean } {
  const { code, message, errors = [], details, headers = {} } = refusalOf(error)
  const status: number = statuses[code]
  return {
    problem: {
      type: `urn:twinward:error:${code}`,
      title: titles[code],
      status,
      detail: message,
      instance: `urn:twinward:trace:${traceId}`,
      ...(errors.length > 0 && { errors: [...errors] }),
      ...(details && Object.keys(details).length > 0 && { details: { ...details } }),
    },
    headers: code === 'unauthenticated' ? { 'www-authenticate': 'Bearer realm="twinward"', ...headers } : headers,
    bug: code === 'internal',
  }
}

interface Refusal {
  code: ProblemCode
  message: string
  errors?: readonly FieldProblem[]
  details?: Readonly<Record<string, unknown>>
  headers?: Readonly<Record<string, string>>
}

const AWAY: Refusal = {
  code: 'unavailable', message: 'A server behind the API does not answer. Try again in a moment; GET /v1/status tells which.', headers: { 'retry-after': '5' },
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof ApiError) return error
  // What is away, and where, is for the log: addresses and bucket names are nobody's business out here.
  if (error instanceof DomainError) return error.code === 'unavailable' ? AWAY : error
  if (error instanceof HTTPException) return refusalOfHono(error)
  return refusalOfDatabase(error) ?? { code: 'internal', message: 'Something went wrong on our side. The log has it under this trace id.' }
}

/** Hono's own refusals: a body that is not JSON, or is declared as something else. */
function refusalOfHono(error: HTTPException): Refusal {
  switch (error.status) {
    case 400: return { code: 'invalid', message: 'The body is not JSON: check its quotes, commas and brackets.' }
    case 413: return { code: 'too_large', message: 'The body is larger than this operation takes.' }
    case 415: return { code: 'unsupported_media_type', message: 'Send the body as JSON, with "Content-Type: application/json".' }
    default: return { code: 'internal', message: 'Something went wrong on our side. The log has it under this trace id.' }
  }
}

/**
 * What PostgreSQL refuses although the schemas let it pass. Class 22 are values that do not fit a type, 23 constraints
 * that a concurrent request got to first, 08, 53 and 57 a server that is away. None of its words go out: they name
 * tables and values.
 */
function refusalOfDatabase(error: unknown): Refusal | undefined {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (/^22\w{3}$/.test(code)) return { code: 'invalid', message: 'A value does not fit its type: it is too large, too long, or not a text the database can keep.' }
  if (/^(23505|23P01|40001|40P01)$/.test(code)) return { code: 'conflict', message: 'Another request got there first. Read the present state and try again.' }
  if (/^(08|53|57)\w{3}$/.test(code) || ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EPIPE'].includes(code)) {
    return AWAY
  }
  return undefined
}

/** Hono's error handler: one place where anything thrown becomes an answer. */
export function answerError(error: unknown, c: Context<ApiEnv>): Response {
  const { problem, headers, bug } = problemOf(error, c.get('traceId'))
  const log = c.get('log')
  if (bug) log.error({ err: error }, 'request failed')
  else if (problem.status >= 500) log.warn({ err: error }, 'request could not be served')
  return answerProblem(problem, headers)
}

export function answerProblem(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}
