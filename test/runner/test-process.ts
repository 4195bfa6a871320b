import { spawn, type ChildProcess } from 'node:child_process'
import { variableNames } from '../../infra/config.ts'
import { root } from '../../infra/setup/paths.mjs'
import { createOutcomeParser, type TestOutcome } from './outcome.ts'
import { fromSources, runnerSources, type TestSources } from './test-sources.ts'

export interface FileResult {
  /** A file of the clone, or the name of a check. */
  title: string
  outcomes: TestOutcome[]
  /** What it printed: shown when it failed. */
  output: string
  ms: number
}

export interface Step {
  title: string
  /** Arguments for node. */
  args: readonly string[]
  /** `tests`: reports each test. `check`: its exit code is its one outcome. */
  kind: 'tests' | 'check'
  timeoutMs: number
  env?: NodeJS.ProcessEnv
  onOutcome?: (outcome: TestOutcome) => void
}

const running = new Set<ChildProcess>()
const keptOutput = 200_000

/** Ends every step under way, with all that they started. */
export function abortSteps(): void {
  for (const child of running) endGroup(child, 'SIGTERM')
}

/** Runs a process to its end. One that fails without a failing test, or that takes too long, counts as one failure. */
export function runStep({ title, args, kind, timeoutMs, env, onOutcome = () => {} }: Step): Promise<FileResult> {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...cleanEnv(process.env), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that a file that takes too long is ended with everything it started.
      detached: true,
    })
    running.add(child)
    const outcomes: TestOutcome[] = []
    let output = ''
    const keep = (text: string) => { output = (output + text).slice(-keptOutput) }
    const parser = createOutcomeParser(
      (outcome) => {
        outcomes.push(outcome)
        onOutcome(outcome)
      },
      (line) => { keep(`${line}\n`) },
    )
    child.stdout.setEncoding('utf8').on('data', (text: string) => { parser.push(text) })
    child.stderr.setEncoding('utf8').on('data', keep)

    let late = false
    const timer = setTimeout(() => {
      late = true
      endGroup(child, 'SIGTERM')
      setTimeout(() => { endGroup(child, 'SIGKILL') }, 15_000).unref()
    }, timeoutMs)
    child.on('error', (error) => { keep(`${error.message}\n`) })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      running.delete(child)
      endGroup(child, 'SIGKILL')
      parser.end()
      const ms = Math.round(performance.now() - startedAt)
      const own = verdict({ kind, code, signal, late, timeoutMs, outcomes })
      if (own) {
        const outcome: TestOutcome = { name: own.name, result: own.result, ms, ...(own.error !== undefined && { error: own.error }) }
        outcomes.push(outcome)
        onOutcome(outcome)
      }
      resolve({ title, outcomes, output, ms })
    })
  })
}

interface Ending {
  kind: Step['kind']
  code: number | null
  signal: NodeJS.Signals | null
  late: boolean
  timeoutMs: number
  outcomes: readonly TestOutcome[]
}

/** The outcome that the process itself stands for, beside those of its tests. */
export function verdict(
  { kind, code, signal, late, timeoutMs, outcomes }: Ending,
): { name: string; result: 'passed' | 'failed'; error?: string } | undefined {
  if (late) {
    return { name: 'time limit', result: 'failed', error: `not done after ${Math.round(timeoutMs / 60_000)} minutes; see what it last did below` }
  }
  const ending = signal ?? `code ${code ?? 'unknown'}`
  if (kind === 'check') return code === 0 ? { name: 'passes', result: 'passed' } : { name: 'passes', result: 'failed', error: `ended with ${ending}` }
  const failed = outcomes.some((outcome) => outcome.result === 'failed')
  if (code !== 0 && !failed) return { name: 'process', result: 'failed', error: `ended with ${ending} although no test failed` }
  if (code === 0 && outcomes.length === 0) return { name: 'process', result: 'failed', error: 'it holds no test' }
  return undefined
}

/** Arguments for a node process that reports its tests to us. */
export function testArgs(files: readonly string[], { execArgv, at }: TestSources = fromSources): string[] {
  return [...execArgv, '--test-reporter', at(runnerSources.reporter), '--test-reporter-destination', 'stdout', ...files.map(at)]
}

/** The developer's own servers and settings stay out of the tests. */
export function cleanEnv(from: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const env = { ...from }
  for (const name of variableNames) if (name !== 'TWINWARD_CACHE') delete env[name]
  // Set by npm for its own scripts, and read by any npm or node below us.
  for (const name of Object.keys(env)) if (name.startsWith('npm_')) delete env[name]
  return env
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals) {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // All of it has ended.
  }
}
