import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connectionsToEnv, type Connections } from '../../infra/config.ts'
import { programArgs } from './own-program.ts'

/** Processes of ours as the platform starts them, for tests that kill them. */
export interface Programs {
  /** @param program a file of `infra/bin`; resolves once it says that it is ready */
  start(program: string): Promise<ChildProcess>
  kill(child: ChildProcess): Promise<void>
  killAll(): Promise<void>
}

export function createPrograms(connections: Connections): Programs {
  const children = new Set<ChildProcess>()
  const kill = async (child: ChildProcess): Promise<void> => {
    children.delete(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  return {
    kill,
    async start(program) {
      const child = spawn(process.execPath, await programArgs(`infra/bin/${program}`), {
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LOG_LEVEL: 'warn', ...connectionsToEnv(connections) },
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      })
      children.add(child)
      const [message] = await once(child, 'message') as [{ type: string }]
      assert.equal(message.type, 'ready')
      return child
    },
    async killAll() {
      for (const child of children) await kill(child)
    },
  }
}
