import { readFile } from 'node:fs/promises'
import { createApiClient, type ApiClient } from '../cli/api-client.ts'
import { waitFor } from '../demo/wait.ts'
import type { Platform } from '../platform.ts'
import { createPublisher } from './publisher.ts'
import { benchAssets, benchFamily, benchFeatureSet, benchPolicy, benchSite, createStream } from './workload.ts'

const WARM_UP_BATCHES = 8

/** Brings a fresh platform to the state that is measured: machines registered, a trained release in force, caches warm. */
export async function prepare(platform: Platform, startUs: number, say: (text: string) => void): Promise<ApiClient> {
  const admin = createApiClient(platform.url, (await readFile(platform.adminKeyFile, 'utf8')).trim())
  const site = benchSite
  await admin.post('/v1/assets/import', benchAssets)
  const approver = await makeApprover(admin)
  await admin.post('/v1/families', { id: benchFamily, name: 'Bench', owner: null, governance: {} }, { site })
  await admin.post('/v1/feature-sets', { family: benchFamily, definition: benchFeatureSet }, { site })
  await admin.post('/v1/policies', { family: benchFamily, definition: benchPolicy }, { site })
  say('filling a little history to train on')
  const publisher = await createPublisher(platform.connections.mqtt)
  const stream = createStream('bench-history', startUs)
  await publisher.publish(Array.from({ length: WARM_UP_BATCHES }, () => stream.readings(50_000)))
  await publisher.end()
  await waitFor('the history', async () => (await waitingBatches(admin)) === 0)
  say('training and promoting a release')
  const operation = await admin.post<{ id: string }>('/v1/operations', { kind: 'retrain-model', family: benchFamily, promote: true, reason: 'bench' }, { site })
  const result = await waitFor('training', async () => {
    const now = await admin.get<{ state: string; error: unknown; result: { gate: string } | null }>(`/v1/operations/${operation.id}`, { site })
    if (now.state === 'failed') throw new Error(`training failed: ${JSON.stringify(now.error)}`)
    return now.state === 'succeeded' ? now.result : null
  })
  const gate = await waitFor('evidence', async () => {
    const view = await approver.get<{ state: string; evidenceDigest: string | null }>(`/v1/gates/${result.gate}`, { site })
    return view.state === 'open' && view.evidenceDigest ? view : null
  })
  await approver.post(`/v1/gates/${result.gate}/approve`, { evidenceDigest: gate.evidenceDigest, comment: 'bench' }, { site })
  return admin
}

export const waitingBatches = async (client: ApiClient): Promise<number> =>
  (await client.get<{ waiting: number }>('/v1/batches/totals', { site: benchSite })).waiting

async function makeApprover(admin: ApiClient): Promise<ApiClient> {
  await admin.post('/v1/actors', { id: 'bench-approver', name: 'Bench approver', roles: ['reliability-engineer'] }, { site: benchSite })
  const { key } = await admin.post<{ key: string }>('/v1/api-keys', { actor: 'bench-approver', label: 'bench' }, { site: benchSite })
  return createApiClient(admin.url, key)
}
