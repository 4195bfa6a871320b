import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { LaunchTimes } from '../../edge/launch/launcher.ts'

/** A launcher with the gateway that it started, in a process group of their own. */
export interface Launched {
  readonly child: ChildProcess
  readonly output: () => string
  /** Resolves when a gateway has said so again since this was called; rejects when the launcher has ended. */
  next(word: 'ready' | 'well'): Promise<void>
  /** `/healthz` of the gateway that was ready last; undefined while none answers. */
  health(): Promise<{ version: string; state: string; problems: string[]; connected: boolean; buffer: { rows: number; lostRows: number } } | undefined>
  /** Resolves when what it tells is so. */
  until(what: (health: NonNullable<Awaited<ReturnType<Launched['health']>>>) => boolean): Promise<void>
  /** SIGKILL to all of them at once, as a power cut ends them. */
  kill(): Promise<void>
  stop(): Promise<number | null>
}

/** Sooner than a plant would want it. */
export const quickTimes: LaunchTimes = { wellWithinMs: 30_000, settleMs: 250, hangsAfterMs: 30_000, graceMs: 10_000, pollMs: 50, pauseMs: 50 }

export function launch(args: readonly string[], env: NodeJS.ProcessEnv, times: Partial<LaunchTimes> = {}): Launched {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env, TWINWARD_LAUNCH_TIMES: JSON.stringify({ ...quickTimes, ...times }) }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const ended = once(child, 'exit') as Promise<[number | null]>
  const gone = ended.then(([code]): never => { throw new Error(`the launcher has ended (${code ?? 'killed'}):\n${output}`) })
  gone.catch(() => {})
  let url: string | undefined
  child.on('message', (message: { type: string; address?: string }) => { if (message.type === 'ready') url = message.address })

  const launched: Launched = {
    child, output: () => output,
    next: (word) => Promise.race([gone, new Promise<void>((resolve) => {
      const listen = (message: { type: string }) => {
        if (message.type !== word) return
        child.off('message', listen)
        resolve()
      }
      child.on('message', listen)
    })]),
    async health() {
      try {
        return await (await fetch(`${url ?? ''}/healthz`)).json() as Awaited<ReturnType<Launched['health']>>
      } catch {
        return undefined
      }
    },
    async until(what) {
      for (;;) {
        const health = await launched.health()
        if (health && what(health)) return
        await Promise.race([gone, new Promise((resolve) => { setTimeout(resolve, 25) })])
      }
    },
    async kill() {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      await ended
    },
    async stop() {
      child.kill('SIGTERM')
      const [code] = await ended
      return code
    },
  }
  return launched
}
