import type { Keeper } from '../../infra/keeper.ts'
import type { WorkerProcess } from '../../infra/worker.ts'
import type { Role } from '../../registry/domain/access/rights.ts'
import { startTestApi, type Answer, type TestApi } from './api.ts'
import { createGovernanceSite, type GovernanceSite } from './governance.ts'
import { useStack } from './stack.ts'

/** A refusal as HTTP has it. */
export interface Problem { type: string; detail: string }
export type GovernancePerson = keyof GovernanceSite['people']

/** A governance site with its worker, keeper and API, and a key for everybody. */
export interface GovernanceApi<Person extends string> {
  readonly plant: GovernanceSite
  readonly api: TestApi
  readonly keys: Readonly<Record<Person, string>>
  call<T = Problem>(who: Person, method: string, address: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>
  stopWorker(): Promise<void>
  startWorker(): Promise<void>
  end(): Promise<void>
}

/** @param more people beside those of the site, with their roles */
export async function startGovernanceApi<More extends string = never>(more: Readonly<Record<More, readonly Role[]>> = {} as Record<More, readonly Role[]>): Promise<GovernanceApi<GovernancePerson | More>> {
  const plant = await createGovernanceSite(await useStack())
  let worker: WorkerProcess | undefined
  let keeper: Keeper | undefined
  let api: TestApi | undefined
  const end = async () => {
    await api?.stop()
    await keeper?.stop()
    await worker?.stop()
    await plant.end()
  }
  try {
    worker = await plant.startWorker()
    keeper = await plant.startKeeper()
    const started = api = await startTestApi(plant.connections)
    const keys = {} as Record<GovernancePerson | More, string>
    const roles = { ...Object.fromEntries(Object.values(plant.people).map((person) => [person.id, person.roles])), ...more } as Record<GovernancePerson | More, readonly Role[]>
    for (const id of Object.keys(roles) as (GovernancePerson | More)[]) keys[id] = await started.keyFor(plant.site, roles[id], id)
    return {
      plant, api: started, keys, end, call: (who, ...rest) => started.call(keys[who], ...rest),
      async stopWorker() { await worker?.stop() },
      async startWorker() { worker = await plant.startWorker() },
    }
  } catch (error) {
    await end()
    throw error
  }
}

/** Status and code of an answer, e.g. `[403, 'forbidden']`. */
export const codeOf = (answer: Answer<unknown>): [number, string | undefined] => [answer.status, (answer.body as Partial<Problem>).type?.split(':').at(-1)]
