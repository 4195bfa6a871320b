import type { Stack } from './dev/stack.ts'
import type { Health } from './dev/part.ts'
import { writeAtomic } from './private-file.ts'
import { statusFile, type PartStatus, type PlatformStatus } from './status-file.ts'
import { describeExit, type ChildStatus } from './supervisor.ts'

/** Puts together what supervision knows and what the last look at each server found. */
export function describeParts(
  stack: Pick<Stack, 'parts' | 'status'>, processes: readonly ChildStatus[], health: ReadonlyMap<string, Health>, version: string,
): PartStatus[] {
  const servers = stack.status()
  return [
    ...stack.parts.map((part): PartStatus => {
      const child = servers.find((server) => server.name === part.name)
      const look = health.get(part.name)
      const well = look?.ok !== false
      const state = child ? (child.state === 'running' && !well ? 'unhealthy' : child.state) : well ? 'running' : 'unreachable'
      return {
        ...(child ? fromChild(child) : { restarts: 0 }),
        name: part.name,
        kind: part.kind,
        state,
        address: part.address,
        version: part.version || (look?.ok ? look.detail : 'unknown'),
        ...(part.uiUrl !== undefined && { uiUrl: part.uiUrl }),
        ...(look && !look.ok && { detail: look.detail }),
      }
    }),
    ...processes.map((child): PartStatus => ({ ...fromChild(child), kind: 'process', version })),
  ]
}

function fromChild({ name, state, address, pid, restarts, since, lastExit }: ChildStatus): Omit<PartStatus, 'kind'> {
  return {
    name,
    state,
    restarts,
    since,
    ...(address !== undefined && { address }),
    ...(pid !== undefined && { pid }),
    ...(lastExit && { lastExit, detail: `ended last with ${describeExit(lastExit)}` }),
  }
}

export interface StatusPublisher {
  /** Something changed: write soon. */
  touch: () => void
  current: () => PlatformStatus
  close: () => void
}

const writeDelayMs = 100
const healthEveryMs = 10_000

/** Keeps `status.json` true: written soon after every change, and after a look at every server each 10 s. */
export function publishStatus(
  dataDir: string, url: string, version: string, stack: Stack, processes: () => readonly ChildStatus[],
): StatusPublisher {
  const startedAt = new Date().toISOString()
  const health = new Map<string, Health>()
  let pending: NodeJS.Timeout | undefined
  let closed = false

  const current = (): PlatformStatus => ({
    pid: process.pid, url, startedAt, updatedAt: new Date().toISOString(),
    parts: describeParts(stack, processes(), health, version),
  })
  const write = () => {
    clearTimeout(pending)
    pending = undefined
    writeAtomic(statusFile(dataDir), `${JSON.stringify(current(), null, 2)}\n`)
  }
  const touch = () => { if (!closed) pending ??= setTimeout(write, writeDelayMs) }
  const look = async () => {
    await Promise.all(stack.parts.map(async (part) => { health.set(part.name, await part.health()) }))
    touch()
  }
  const timer = setInterval(() => { void look() }, healthEveryMs)
  void look()
  return {
    touch,
    current,
    close() {
      closed = true
      clearInterval(timer)
      write()
    },
  }
}
