import { createBackoff, defaultBackoff, type BackoffOptions } from './backoff.ts'
import { launch, type ChildSpec, type Exit, type RunningChild } from './child-process.ts'

export type ChildState = 'starting' | 'running' | 'backoff' | 'stopping' | 'stopped'

export interface ChildStatus {
  name: string
  state: ChildState
  pid?: number
  /** How often it was started again after it had ended by itself. */
  restarts: number
  lastExit?: Exit
  /** When it entered this state, ISO 8601. */
  since: string
  /** What it said it listens on. */
  address?: string
}

export interface Supervisor {
  /** Starts a child and waits until it is ready. Rejects, with the end of its output, if it ends before that. */
  start: (spec: ChildSpec) => Promise<ChildStatus>
  /** Stops one child; it is not started again. */
  stop: (name: string) => Promise<void>
  /** Stops a child, lets `between` run, starts it again, and waits until it is ready. */
  restart: (name: string, between?: () => Promise<void> | void) => Promise<ChildStatus>
  /** Sends a signal and leaves the rest to supervision. */
  kill: (name: string, signal: NodeJS.Signals) => void
  /** Stops all, the highest stage first, and for good. Afterwards nothing is left running; starts under way reject. */
  stopAll: () => Promise<void>
  status: () => ChildStatus[]
  /** Resolves when the child is ready, at once if it is. */
  whenRunning: (name: string, timeoutMs?: number) => Promise<ChildStatus>
}

export interface SupervisorOptions {
  /** Told about starts, ends and restarts in a short line. */
  log: (line: string) => void
  onChange?: () => void
  backoff?: BackoffOptions
}

interface Child {
  spec: ChildSpec
  status: ChildStatus
  backoff: ReturnType<typeof createBackoff>
  running?: RunningChild
  retry?: NodeJS.Timeout
  /** The start under way: a stop waits for it, so that no process slips out between the two. */
  starting?: Promise<void>
  /** False once somebody asked for it to stop. */
  wanted: boolean
}

/** Keeps children running: one that ends by itself is started again, after waits that double from 0.5 s to 30 s. */
export function createSupervisor({ log, onChange = () => {}, backoff = defaultBackoff }: SupervisorOptions): Supervisor {
  const children = new Map<string, Child>()
  const waiting = new Set<() => void>()
  let closed = false

  function enter(child: Child, state: ChildState) {
    const { pid: _pid, ...rest } = child.status
    child.status = {
      ...rest,
      state,
      since: new Date().toISOString(),
      ...(child.running && { pid: child.running.pid }),
    }
    onChange()
    for (const wake of waiting) wake()
  }

  function begin(child: Child): Promise<void> {
    child.starting = tryStart(child)
    return child.starting
  }

  async function tryStart(child: Child): Promise<void> {
    enter(child, 'starting')
    const running = await launch(child.spec)
    if (!child.wanted) {
      await running.stop()
      throw new Error(`${child.spec.name} was stopped while it started`)
    }
    child.running = running
    enter(child, 'starting')
    const address = await running.ready
    if (child.running !== running || !child.wanted) throw new Error(`${child.spec.name} was stopped while it started`)
    if (address !== undefined) child.status = { ...child.status, address }
    enter(child, 'running')
    const readyAt = Date.now()
    void running.exited.then((exit) => { ended(child, running, exit, Date.now() - readyAt) })
  }

  function ended(child: Child, running: RunningChild, exit: Exit, ranMs: number) {
    if (child.running !== running) return
    delete child.running
    child.status = { ...child.status, lastExit: exit }
    if (!child.wanted) return
    log(`${child.spec.name} ended (${describeExit(exit)})`)
    again(child, ranMs)
  }

  function again(child: Child, ranMs: number) {
    const waitMs = child.backoff.next(ranMs)
    enter(child, 'backoff')
    log(`${child.spec.name} is started again in ${waitMs / 1000} s`)
    child.retry = setTimeout(() => {
      delete child.retry
      child.status = { ...child.status, restarts: child.status.restarts + 1 }
      void begin(child).then(
        () => { log(`${child.spec.name} runs again`) },
        async (error: unknown) => {
          const failed = child.running
          delete child.running
          if (failed) child.status = { ...child.status, lastExit: await failed.stop() }
          if (!child.wanted) return
          log(`${child.spec.name} did not start: ${firstLine(error)}`)
          again(child, 0)
        },
      )
    }, waitMs)
  }

  function get(name: string): Child {
    const child = children.get(name)
    if (!child) throw new Error(`no child is called ${name}; there are: ${[...children.keys()].join(', ') || 'none'}`)
    return child
  }

  async function halt(child: Child): Promise<void> {
    child.wanted = false
    clearTimeout(child.retry)
    delete child.retry
    if (child.running) {
      enter(child, 'stopping')
      const exit = await child.running.stop()
      child.status = { ...child.status, lastExit: exit }
      delete child.running
    }
    await child.starting?.catch(() => {})
    enter(child, 'stopped')
  }

  async function first(child: Child): Promise<ChildStatus> {
    if (closed) throw new Error(`${child.spec.name} is not started: everything is being stopped`)
    child.wanted = true
    try {
      await begin(child)
    } catch (error) {
      await halt(child)
      throw error
    }
    return child.status
  }

  return {
    async start(spec) {
      if (children.has(spec.name)) throw new Error(`a child called ${spec.name} exists already`)
      const child: Child = {
        spec,
        status: { name: spec.name, state: 'stopped', restarts: 0, since: new Date().toISOString() },
        backoff: createBackoff(backoff),
        wanted: true,
      }
      children.set(spec.name, child)
      return first(child)
    },
    stop: (name) => halt(get(name)),
    async restart(name, between) {
      const child = get(name)
      await halt(child)
      await between?.()
      return first(child)
    },
    kill(name, signal) {
      get(name).running?.kill(signal)
    },
    async stopAll() {
      closed = true
      const stage = (child: Child) => child.spec.stage ?? 0
      const stages = [...new Set([...children.values()].map(stage))].sort((a, b) => b - a)
      for (const each of stages) {
        await Promise.all([...children.values()].filter((child) => stage(child) === each).map(halt))
      }
    },
    status: () => [...children.values()].map((child) => ({ ...child.status })),
    async whenRunning(name, timeoutMs = 60_000) {
      const child = get(name)
      const deadline = Date.now() + timeoutMs
      while (child.status.state !== 'running') {
        const left = deadline - Date.now()
        if (left <= 0) throw new Error(`${name} is not running after ${timeoutMs / 1000} s; it is ${child.status.state}`)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(wake, left)
          function wake() {
            clearTimeout(timer)
            waiting.delete(wake)
            resolve()
          }
          waiting.add(wake)
        })
      }
      return child.status
    },
  }
}

export function describeExit(exit: Exit): string {
  return exit.signal ? `signal ${exit.signal}` : `code ${exit.code ?? 'unknown'}`
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
