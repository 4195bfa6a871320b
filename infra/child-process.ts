import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLogFile } from './log-file.ts'
import { boundToParent } from './parent-death.ts'
import { forgetProcess, rememberProcess } from './pid-file.ts'

export interface ChildSpec {
  name: string
  command: string
  args: readonly string[]
  /** The child's whole environment: nothing is inherited by accident. */
  env: NodeJS.ProcessEnv
  cwd?: string
  /** Run as this user, when started by root. */
  user?: { uid: number; gid: number }
  /** Let that user pass folders that only root may enter. */
  passFolders?: boolean
  /** Runs before every start, also before a restart. */
  prepare?: () => Promise<void> | void
  /** `spawn`: as soon as it runs. `message`: when it sends `{type: 'ready', address?}` over IPC. Or a probe, tried until it passes. */
  ready: 'spawn' | 'message' | ((signal: AbortSignal) => Promise<void>)
  /** Longest wait for readiness, 60 s unless told. */
  readyTimeoutMs?: number
  /** Asks it to stop in order; SIGTERM unless told. */
  stopSignal?: NodeJS.Signals
  /** Time to stop in order before it is made to, 3 s unless told. */
  graceMs?: number
  /** Children of the highest stage stop first, those of one stage together; 0 unless told. */
  stage?: number
  logFile: string
  /** Where its process number is kept, so that a later run finds it should this one be killed. */
  pidFile: string
}

export interface Exit {
  code?: number
  signal?: NodeJS.Signals
  /** ISO 8601 */
  at: string
}

export interface RunningChild {
  pid: number
  /** Resolves with the address it named, if it did; rejects if it ends or takes too long. */
  ready: Promise<string | undefined>
  /** Resolves when it has ended and its output is in its log. */
  exited: Promise<Exit>
  kill(signal: NodeJS.Signals): void
  /** Asks it to stop, then makes it. */
  stop(): Promise<Exit>
}

const probeEveryMs = 50
const tailLines = 15
/** A process that the child left behind may hold its output open for ever. */
const lastWordsMs = 1_000
const lastWordsWaits = 10

/** Starts one process with its output going to its log file. */
export async function launch(spec: ChildSpec): Promise<RunningChild> {
  await spec.prepare?.()
  const bound = boundToParent(spec, spec.stopSignal ?? 'SIGTERM')
  const child = spawn(bound.command, bound.args, {
    cwd: spec.cwd,
    env: spec.env,
    stdio: ['ignore', 'pipe', 'pipe', ...(spec.ready === 'message' ? ['ipc' as const] : [])],
    // In a group of its own: Ctrl-C at the terminal reaches the platform alone, which then stops its children in order.
    detached: true,
    ...bound.options,
  })
  const { tail, complete } = record(child, spec.logFile)
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      forgetProcess(spec.pidFile)
      // What it started itself, a forked trainer for example, must not outlive it.
      killGroup(child.pid)
      const exit: Exit = { ...(code !== null && { code }), ...(signal && { signal }), at: new Date().toISOString() }
      void lastWords(complete).then(() => { resolve(exit) })
    })
  })
  try {
    await once(child, 'spawn')
  } catch (error) {
    throw new Error(`${spec.name} could not be started: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  const pid = child.pid as number
  rememberProcess(spec.pidFile, pid, spec.command)

  const ready = becomeReady(spec, child, exited, tail)
  // Whoever stops the child early does not look at it.
  ready.catch(() => {})
  return {
    pid,
    ready,
    exited,
    kill: (signal) => { child.kill(signal) },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return exited
      child.kill(spec.stopSignal ?? 'SIGTERM')
      const force = setTimeout(() => { child.kill('SIGKILL') }, spec.graceMs ?? 3_000)
      try {
        return await exited
      } finally {
        clearTimeout(force)
      }
    },
  }
}

/** In several waits: where this process itself was held up, the output is read between two of them. */
async function lastWords(complete: Promise<void>): Promise<void> {
  let heard = false
  void complete.then(() => { heard = true })
  for (let n = 0; n < lastWordsWaits && !heard; n += 1) await Promise.race([complete, sleep(lastWordsMs / lastWordsWaits)])
}

function killGroup(leader: number | undefined) {
  if (leader === undefined || process.platform === 'win32') return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // Nobody was left, which is the usual case.
  }
}

async function becomeReady(spec: ChildSpec, child: ChildProcess, exited: Promise<Exit>, tail: () => string) {
  if (spec.ready === 'spawn') return undefined
  const timeoutMs = spec.readyTimeoutMs ?? 60_000
  const abort = new AbortController()
  const tooLate = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`${spec.name} was not ready within ${timeoutMs / 1000} s. The end of ${spec.logFile}:\n${tail()}`))
    }, timeoutMs)
    abort.signal.addEventListener('abort', () => { clearTimeout(timer) })
  })
  const gone = exited.then((exit) => {
    throw new Error(`${spec.name} ended before it was ready (${exit.signal ?? `code ${exit.code ?? 'unknown'}`}). `
      + `The end of ${spec.logFile}:\n${tail()}`)
  })
  gone.catch(() => {})
  const signs = spec.ready === 'message' ? readyMessage(child, abort.signal) : probe(spec.ready, abort.signal)
  try {
    return await Promise.race([signs, gone, tooLate])
  } finally {
    abort.abort()
  }
}

function readyMessage(child: ChildProcess, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const listen = (message: unknown) => {
      if (typeof message !== 'object' || message === null || !('type' in message) || message.type !== 'ready') return
      resolve('address' in message && typeof message.address === 'string' ? message.address : undefined)
    }
    child.on('message', listen)
    signal.addEventListener('abort', () => { child.off('message', listen) })
  })
}

async function probe(attempt: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<undefined> {
  while (!signal.aborted) {
    try {
      await attempt(signal)
      return undefined
    } catch {
      await new Promise((resolve) => setTimeout(resolve, probeEveryMs))
    }
  }
  return undefined
}

interface Recording {
  /** The last lines. */
  tail: () => string
  /** Resolves when all of the output is in the log. */
  complete: Promise<void>
}

/** Copies the child's output to its log. */
function record(child: ChildProcess, file: string): Recording {
  const log = openLogFile(file)
  let recent = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      log.write(chunk)
      recent = (recent + chunk.toString('utf8')).slice(-8_000)
    })
  }
  return {
    tail: () => recent.trimEnd().split('\n').slice(-tailLines).map((line) => `  ${line}`).join('\n'),
    complete: new Promise((resolve) => { child.once('close', () => { void log.close().then(resolve) }) }),
  }
}
