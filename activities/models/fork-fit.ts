import { fork } from 'node:child_process'
import { DomainError, errorStatus, type ErrorCode } from '../../registry/domain/errors.ts'
import type { FitJob, FitProgress, FitResult } from './fit-job.ts'
import type { FitReply, FitRequest } from './fit-messages.ts'

/** `fit-process` as a child `node` runs it. */
export interface FitProgram {
  readonly file: string
  readonly execArgv: readonly string[]
}

export interface FitHooks {
  onProgress?: (progress: FitProgress) => void
  /** Aborting kills the process; the fit rejects with the signal's reason. */
  signal?: AbortSignal
  /** Told the process's id when it runs. */
  onStart?: (pid: number) => void
}

/** Of the surroundings a fit gets only this: it needs no credentials, and gets none. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LD_LIBRARY_PATH', 'TF_ENABLE_ONEDNN_OPTS', 'OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS'] as const
const STDERR_KEPT = 4_000

/** Runs a fit; refusals are DomainErrors. */
export type Fit = (job: FitJob, hooks?: FitHooks) => Promise<FitResult>

/**
 * Runs each fit in a process of its own. Refusals come back as the DomainErrors they were; a process that dies gives an
 * error with its signal or exit code and the end of what it said.
 */
export function createForkFit({ file, execArgv }: FitProgram): Fit {
  return (job, hooks = {}) => new Promise((resolve, reject) => {
    hooks.signal?.throwIfAborted()
    const child = fork(file, {
      execArgv: [...execArgv],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    })
    let said = ''
    let outcome: (() => void) | undefined

    const onAbort = () => {
      outcome ??= () => reject(hooks.signal?.reason as Error)
      child.kill('SIGKILL')
    }
    hooks.signal?.addEventListener('abort', onAbort, { once: true })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-STDERR_KEPT) })
    child.on('message', (reply: FitReply) => {
      if (reply.type === 'progress') hooks.onProgress?.(reply.progress)
      else if (reply.type === 'fitted') outcome ??= () => resolve(reply.result)
      else outcome ??= () => reject(refusalOf(reply))
    })
    child.on('error', (error) => { outcome ??= () => reject(error) })
    // 'close', not 'exit': by then everything it said has been read.
    child.on('close', (code, signal) => {
      hooks.signal?.removeEventListener('abort', onAbort)
      if (outcome) outcome()
      else reject(new Error(crashText(code, signal, said)))
    })
    if (child.pid !== undefined) hooks.onStart?.(child.pid)
    const request: FitRequest = { type: 'fit', job }
    // A send that fails means that the child is gone; 'close' tells why.
    child.send(request, undefined, {}, () => undefined)
  })
}

function refusalOf({ code, message, details }: Extract<FitReply, { type: 'refused' }>): Error {
  return code in errorStatus ? new DomainError(code as ErrorCode, message, details) : new Error(message)
}

function crashText(code: number | null, signal: NodeJS.Signals | null, said: string): string {
  const how = signal === null ? `with exit code ${code ?? 'unknown'}` : `by ${signal}`
  const hint = signal === 'SIGKILL' ? ' (killed from outside, often for want of memory: take a shorter period or a larger machine)' : ''
  return `the fitting process ended ${how}${hint}${said === '' ? '' : `; it said: ${said.trim()}`}`
}
