import { ApplicationFailure } from '@temporalio/common'
import { DomainError, type ErrorCode } from '../registry/domain/errors.ts'

/** Refusals that time may heal: the store was away, or another transaction came first. */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set(['unavailable', 'stale_state'])

/**
 * A refusal as Temporal carries it: the code becomes the failure's type and the details travel along, so that a client
 * gets back what the verb said. Retrying does not change a refusal's mind, except where time may.
 */
export function toApplicationFailure(error: unknown): unknown {
  if (!(error instanceof DomainError)) return error
  return ApplicationFailure.create({
    type: error.code,
    message: error.message,
    nonRetryable: !RETRYABLE.has(error.code),
    details: [{ ...error.details }],
    cause: error,
  })
}
