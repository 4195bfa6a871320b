import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow'

/** Codes of refusals look like this; a plain error's type is its class, such as `TypeError`. */
const CODE = /^[a-z][a-z_]*$/

/** Code and message of what made an activity fail: a refusal's own, else the innermost cause under `internal`. */
export function failureFacts(error: unknown): { code: string; message: string } {
  let cause = error
  while (cause instanceof ActivityFailure && cause.cause !== undefined) cause = cause.cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const type = cause instanceof ApplicationFailure ? cause.type : undefined
  return { code: typeof type === 'string' && CODE.test(type) ? type : 'internal', message }
}
