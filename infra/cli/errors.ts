import { CommanderError } from 'commander'
import { DomainError } from '../../registry/domain/errors.ts'
import { ConfigError } from '../config.ts'

/** A refusal ready to be shown: of the API (the problem document's code and detail), of the way to it, or of the command line (`usage`). */
export class CliError extends Error {
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>
  constructor(code: string, message: string, details: Record<string, unknown> = {}) {
    super(message)
    this.name = 'CliError'
    this.code = code
    this.details = details
  }
}

/** What the shell gets: scripts tell a refusal from a mistake in how they call. */
export const exitCodes = { done: 0, refused: 1, usage: 2, bug: 70 } as const

export interface Failure {
  readonly exitCode: number
  readonly error: { readonly code: string; readonly message: string; readonly details?: Readonly<Record<string, unknown>> }
  /** For a person; undefined where it was shown already. */
  readonly text: string | undefined
}

/** Refusals are one line with a cure; only a bug shows its stack. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CommanderError) {
    const shown = error.code === 'commander.help' ? 'Name a command; --help lists them.' : error.message.replace(/^error: /, '')
    const code = error.code === 'commander.help' ? 'missing_command' : error.code.replace(/^commander\./, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    return { exitCode: exitCodes.usage, error: { code, message: shown }, text: undefined }
  }
  if (error instanceof CliError || error instanceof DomainError) {
    const { code, message, details } = error
    return { exitCode: code === 'usage' ? exitCodes.usage : exitCodes.refused, error: { code, message, ...(Object.keys(details).length > 0 && { details }) }, text: message }
  }
  if (error instanceof ConfigError) return { exitCode: exitCodes.refused, error: { code: 'config', message: error.message }, text: error.message }
  const message = error instanceof Error ? error.message : String(error)
  return { exitCode: exitCodes.bug, error: { code: 'internal', message }, text: error instanceof Error ? (error.stack ?? message) : message }
}
