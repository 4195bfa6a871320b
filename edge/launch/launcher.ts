import { spawn, type ChildProcess } from 'node:child_process'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { INSTALLED, chooseProgram, confirmed, died, notWell, spared, takeWish, versionOf, type LaunchState } from './state.ts'
import type { Programs } from './programs.ts'
import { isGatewayWord, LAUNCH_VARIABLE, type GatewayWord, type Launch } from './words.ts'

export interface LaunchTimes {
  /** What is tried must be well within so long, 120 s unless told. */
  readonly wellWithinMs: number
  /** And then run on for so long before it counts, 10 s unless told. */
  readonly settleMs: number
  /** Without a beat for so long it hangs, 60 s unless told. */
  readonly hangsAfterMs: number
  /** To end in order before it is killed, 25 s unless told. */
  readonly graceMs: number
  /** How often a wish is looked for, 1 s unless told. */
  readonly pollMs: number
  /** Between two starts of what is tried, 1 s unless told. */
  readonly pauseMs: number
}
const defaultTimes: LaunchTimes = { wellWithinMs: 120_000, settleMs: 10_000, hangsAfterMs: 60_000, graceMs: 25_000, pollMs: 1_000, pauseMs: 1_000 }

export interface LauncherOptions {
  readonly programs: Programs
  /** Folder of the program that it was installed with. */
  readonly installed: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly times?: Partial<LaunchTimes>
  readonly log: (what: string, fields?: Record<string, unknown>) => void
  /** What the gateway says, also to whoever started the launcher. */
  readonly heard?: (word: GatewayWord) => void
}

export interface Launcher {
  /** Runs programs until it is told to stop (0), or the one in force ends by itself (its exit code): whoever watches the launcher starts it anew. */
  run(): Promise<number>
  stop(): void
  signal(signal: NodeJS.Signals): void
}

interface Ended { readonly kind: 'ended'; readonly code: number; readonly why: string }
interface Late { readonly kind: 'late'; readonly why: string }
type Ending = Ended | Late | { readonly kind: 'replaced' } | { readonly kind: 'stopped' }

/**
 * Starts the program in force, or the one that is tried and has to show that it is well. Everything it does follows from
 * the state on disk, which is written first: cut off at any moment, the next start goes on from there.
 */
export function createLauncher({ programs, installed, args, env, times, log, heard = () => {} }: LauncherOptions): Launcher {
  const { wellWithinMs, settleMs, hangsAfterMs, graceMs, pollMs, pauseMs } = { ...defaultTimes, ...times }
  const stopping = new AbortController()
  let child: ChildProcess | undefined
  /** A wish that could not be written down: not tried again by this process, lest a full disk stop and start the gateway for ever. */
  let shelved: string | undefined
  let state = programs.state()

  /** False when the disk takes no writes: then nothing new is tried. */
  function keep(next: LaunchState): boolean {
    if (next === state) return true
    try {
      programs.keepState(next)
      state = next
      return true
    } catch (error) {
      log('which program is in force cannot be written down; no update is tried until it can', { error: String(error) })
      return false
    }
  }

  function wished(): LaunchState {
    const wish = programs.wish()
    return wish?.id === shelved ? state : takeWish(state, wish)
  }

  function choose(): Launch {
    const wish = programs.wish()
    const choice = chooseProgram(wished(), (name) => programs.isSound(name), Date.now())
    const kept = keep(choice.state)
    if (!kept) shelved = wish?.id
    const { run, trial } = kept ? choice : chooseProgram({ ...state, trial: null }, (name) => programs.isSound(name), Date.now())
    const damaged = !trial && run !== state.inForce ? state.inForce : null
    if (damaged !== null) log('the program in force is damaged on this disk; another one is started', { inForce: damaged, instead: run })
    return { name: run, trial, damaged, last: state.last }
  }

  async function runOne(launch: Launch): Promise<Ending> {
    const { name, trial } = launch
    log(trial ? 'an update is tried' : 'the gateway is started', { program: name, ...(trial && { attempt: state.trial?.attempts }) })
    const directory = name === INSTALLED ? installed : programs.folderOf(name)
    const started = spawn(process.execPath, [...process.execArgv, path.join(directory, 'twinward-edge.mjs'), ...args], {
      env: { ...env, [LAUNCH_VARIABLE]: JSON.stringify(launch), NOTIFY_SOCKET: undefined }, stdio: ['inherit', 'inherit', 'pipe', 'ipc'],
    })
    child = started
    const gone = new Promise<Ending>((resolve) => {
      let words = ''
      started.stderr?.on('data', (chunk: Buffer) => {
        process.stderr.write(chunk)
        words = (words + chunk.toString('utf8')).slice(-2_000)
      })
      started.once('error', (error) => { resolve({ kind: 'ended', code: 1, why: error.message }) })
      started.once('close', (code, signal) => { resolve({ kind: 'ended', code: code ?? 1, why: `${signal ?? `exit code ${code ?? 1}`}${gistOf(words)}` }) })
    })
    const over = new AbortController()
    const ending = await Promise.race([gone, watch(started, trial, AbortSignal.any([over.signal, stopping.signal]))])
    over.abort()
    await end(started, gone)
    child = undefined
    return ending
  }

  /** Resolves when it should not go on. */
  async function watch(started: ChildProcess, trial: boolean, signal: AbortSignal): Promise<Ending> {
    const beganMs = performance.now()
    let beatMs: number | undefined
    let wellMs: number | undefined
    let settled = !trial
    started.on('message', (message) => {
      if (!isGatewayWord(message)) return
      beatMs = performance.now()
      if (message.type === 'well') wellMs ??= performance.now()
      heard(message)
    })
    for (;;) {
      await sleep(pollMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return { kind: 'stopped' }
      const now = performance.now()
      if (beatMs !== undefined && now - beatMs > hangsAfterMs) return { kind: 'late', why: `it hung: no sign of life for ${Math.round(hangsAfterMs / 1000)} s` }
      if (!settled && wellMs === undefined && now - beganMs > wellWithinMs) return { kind: 'late', why: `it was not well within ${Math.round(wellWithinMs / 1000)} s (${beatMs === undefined ? 'it never became ready' : 'it ran, but its disk took no readings or its sources did not start'})` }
      if (!settled && wellMs !== undefined && now - wellMs >= settleMs && keep(confirmed(state, Date.now()))) {
        settled = true
        log('the update is well and is in force', { program: state.inForce })
      }
      if (wished().trial?.id !== state.trial?.id) return { kind: 'replaced' }
    }
  }

  async function end(started: ChildProcess, gone: Promise<unknown>): Promise<void> {
    if (started.exitCode !== null || started.signalCode !== null || started.pid === undefined) return
    started.kill('SIGTERM')
    const force = setTimeout(() => { started.kill('SIGKILL') }, graceMs)
    await gone
    clearTimeout(force)
  }

  /** Undefined: go on with what is to be started now. */
  function after(ending: Ending, trial: boolean): number | undefined {
    if (stopping.signal.aborted || ending.kind === 'stopped') {
      if (trial) keep(spared(state))
      return 0
    }
    if (ending.kind === 'replaced') return undefined
    if (!trial || state.trial === null) return ending.kind === 'ended' ? ending.code : 1
    const before = state
    const next = ending.kind === 'late' ? notWell(state, ending.why, Date.now()) : died(state, ending.why, Date.now())
    if (!keep(next)) state = next
    if (state.trial === null) log('the update is rolled back', { update: versionOf(before.trial?.name ?? ''), why: state.last?.why ?? null })
    else log('the update ended before it was well', { update: versionOf(state.trial.name), attempt: state.trial.attempts, why: ending.why })
    return undefined
  }

  return {
    async run() {
      for (;;) {
        if (stopping.signal.aborted) return 0
        const launch = choose()
        const code = after(await runOne(launch), launch.trial)
        if (code !== undefined) return code
        if (launch.trial) await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
      }
    },
    stop() { stopping.abort() },
    signal(signal) { child?.kill(signal) },
  }
}

/** Of what a program said last: the line that names an error, else the last one. */
function gistOf(words: string): string {
  const lines = words.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  const gist = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1)
  return gist === undefined ? '' : `: ${gist.slice(0, 200)}`
}
