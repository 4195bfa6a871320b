import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export interface EdgeProcess {
  readonly child: ChildProcess
  /** Address of its health. */
  readonly url: string
  readonly output: () => string
  /** The status as `/healthz` tells it. */
  health(): Promise<{ status: number; body: EdgeHealth }>
  metrics(): Promise<string>
  /** Resolves when what it tells of itself is so; rejects when the process has ended. */
  until(what: (health: EdgeHealth) => boolean): Promise<EdgeHealth>
  /** Resolves when its output has it. */
  said(what: RegExp): Promise<void>
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export interface EdgeHealth {
  readonly state: string
  readonly gateway: string
  readonly connected: boolean
  readonly problems: readonly string[]
  readonly buffer: { readonly rows: number; readonly lostRows: number }
  readonly connectors: readonly { readonly id: string; readonly state: string; readonly counters: Readonly<Record<string, number>> }[]
  readonly clock: { readonly state: string; readonly skewUs: number | null; readonly jumps: number }
  readonly counters: Readonly<Record<string, number>>
}

/** While no gateway runs. */
const nothingToTell: EdgeHealth = { state: 'degraded', gateway: '', connected: false, problems: [], buffer: { rows: 0, lostRows: 0 }, connectors: [], clock: { state: 'unsure', skewUs: null, jumps: 0 }, counters: {} }

/**
 * Starts `edge run` (or the like) and waits until it says that it is ready; rejects with its output when it ends before.
 * @param through a command that runs it, in another namespace for one
 */
export async function startEdge(args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string, through: readonly string[] = []): Promise<EdgeProcess> {
  const [program = '', ...words] = [...through, process.execPath, ...args]
  const child = spawn(program, words, { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], ...(cwd !== undefined && { cwd }) })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const gone = ended.then(([code, signal]): never => { throw new Error(`the gateway has ended (${code ?? signal}):\n${output}`) })
  gone.catch(() => {})
  const ready = once(child, 'message').then(([message]) => (message as { address: string }).address)
  const url = await Promise.race([ready, gone])
  const pause = () => Promise.race([gone, new Promise((resolve) => { setTimeout(resolve, 25) })])

  /** Again where a busy gateway lets a connection go; one that has ended says more by its output. */
  async function ask(address: string): Promise<Response> {
    for (let tries = 1; ; tries++) {
      try {
        return await fetch(url + address)
      } catch (error) {
        if (tries >= 20) throw error
        await Promise.race([gone, new Promise((resolve) => { setTimeout(resolve, 250) })])
      }
    }
  }

  const edge: EdgeProcess = {
    child, url, output: () => output,
    async health() {
      const response = await ask('/healthz')
      return { status: response.status, body: { ...nothingToTell, ...await response.json() as Partial<EdgeHealth> } }
    },
    metrics: async () => (await ask('/metrics')).text(),
    async until(what) {
      for (;;) {
        const { body } = await edge.health()
        if (what(body)) return body
        await pause()
      }
    },
    async said(what) {
      while (!what.test(output)) await pause()
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      const [code, by] = await ended
      return { code, signal: by }
    },
  }
  return edge
}
