import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker'
import type { Logger } from 'pino'

const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const

/**
 * Has Temporal's own messages go where this process logs. A refusal is an answer, not trouble: it is noted in one line,
 * without the stack. Once per process, before the first connection.
 */
export function logTemporalTo(log: Logger): void {
  const write = ({ level, message, meta }: LogEntry) => {
    const { error, ...facts } = (meta ?? {}) as { error?: unknown } & Record<string, unknown>
    const refused = error instanceof Error && error.cause instanceof Error && error.cause.name === 'DomainError'
    if (refused) log.info({ activity: facts['activityType'], workflow: facts['workflowId'] }, `refused: ${error.message}`)
    else log[levels[level]]({ ...facts, ...(error !== undefined && { err: error }) }, message)
  }
  Runtime.install({ logger: new DefaultLogger('INFO', write) })
}
