import { randomUUID } from 'node:crypto'
import type { ApiClient } from '../cli/api-client.ts'
import type { Operation } from '../cli/operation.ts'
import type { Narrator } from './narrator.ts'
import { waitFor } from './wait.ts'

/** Starts an operation over HTTP and watches it to its end. */
export async function runOperation(client: ApiClient, site: string, request: Record<string, unknown>, narrator: Narrator): Promise<Operation> {
  const started = await client.post<Operation>('/v1/operations', request, { site }, randomUUID())
  return waitFor(`${started.kind} to end`, async () => {
    const operation = await client.get<Operation>(`/v1/operations/${started.id}`, { site })
    if (operation.state === 'failed' || operation.state === 'cancelled') throw new Error(`${operation.kind} ${operation.state}: ${JSON.stringify(operation.error)}`)
    narrator.progress(`${operation.kind} ${operation.state} ${stepOf(operation)}`)
    return operation.state === 'succeeded' ? operation : undefined
  })
}

const stepOf = ({ progress }: Operation): string => (typeof progress['step'] === 'string' ? progress['step'] : '')
