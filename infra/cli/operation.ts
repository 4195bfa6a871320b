import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CommandContext } from './context.ts'
import { CliError } from './errors.ts'

export interface Operation {
  id: string; kind: string; state: string; progress: Record<string, unknown>; result: Record<string, unknown> | null
  error: { code?: string; message?: string } | null; paused: { at: string; by: string } | null
}

const ENDED: readonly string[] = ['succeeded', 'failed', 'cancelled']

export const operationPath = (id: string, verb = ''): string => `/v1/operations/${encodeURIComponent(id)}${verb}`

export const startOperation = ({ api, site }: CommandContext, request: Record<string, unknown>): Promise<Operation> =>
  api.post<Operation>('/v1/operations', request, { site }, randomUUID())

/** Watches an operation to its end; Ctrl-C stops watching, never the operation. */
export async function watchOperation({ api, print, site }: CommandContext, started: Operation): Promise<Operation> {
  let operation = started
  while (!ENDED.includes(operation.state)) {
    print.progress(`${operation.kind} ${operation.paused ? `paused by ${operation.paused.by}` : operation.state} ${progressText(operation)}`)
    await sleep(500)
    operation = await api.get<Operation>(operationPath(operation.id), { site })
  }
  print.progress('')
  if (operation.state !== 'succeeded') throw new CliError(operation.error?.code ?? operation.state, operation.error?.message ?? `${operation.kind} was ${operation.state}.`)
  return operation
}

export const runOperation = async (context: CommandContext, request: Record<string, unknown>): Promise<Operation> =>
  watchOperation(context, await startOperation(context, request))

/** How far it is: the step it names, or what it counts. */
export function progressText({ progress: { step, windows, assets } }: Operation): string {
  if (typeof step === 'string') return step
  const [w, a] = [windows, assets] as ({ done: number; all: number } | undefined)[]
  return w && a ? `${w.done} of ${w.all} windows, ${a.done} of ${a.all} machines` : ''
}
