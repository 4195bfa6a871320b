import { isGrpcServiceError, WorkflowNotFoundError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError, type Client } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import type { GateUpdates } from '../api/deps.ts'
import { ApiError } from '../api/errors.ts'
import { DomainError, errorStatus, type ErrorCode } from '../registry/domain/errors.ts'
import { messageNames, type GateDecisionInput, type GateDecisionResult } from '../workflows/messages.ts'

/** A decision is one short activity; longer means that no worker is there. */
const DEADLINE_MS = 15_000

/** Decides gates by their workflow's Update, and gives a refusal back as the refusal it was. */
export function createGateUpdates(client: Client): GateUpdates {
  return {
    async decide(workflowId, decision) {
      try {
        return await client.withDeadline(Date.now() + DEADLINE_MS, () =>
          client.workflow.getHandle(workflowId).executeUpdate<GateDecisionResult, [GateDecisionInput]>(messageNames.decideGate, { args: [decision] }))
      } catch (error) {
        throw refusalOf(error)
      }
    },
  }
}

function refusalOf(error: unknown): unknown {
  if (error instanceof WorkflowUpdateFailedError) return refusalInside(error) ?? error
  if (error instanceof WorkflowNotFoundError) {
    return unavailable('The gate’s workflow is not running: it has just closed, or it is being restored. Look at the gate, and try again in a moment.')
  }
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isGrpcServiceError(error)) {
    return unavailable('The decision was not confirmed in time: Temporal or its workers are away. It may still be taken; look at the gate before you repeat it.')
  }
  return error
}

/** The verb's own refusal, found where Temporal put it: a failure inside a failure, with the code as its type. */
function refusalInside(error: Error): DomainError | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure && at.type && Object.hasOwn(errorStatus, at.type)) {
      const [details] = at.details ?? []
      return new DomainError(at.type as ErrorCode, at.message, (details ?? {}) as Record<string, unknown>)
    }
  }
  return undefined
}

const unavailable = (message: string): ApiError => new ApiError('unavailable', message, { headers: { 'retry-after': '5' } })
