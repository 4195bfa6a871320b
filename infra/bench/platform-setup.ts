import { createApiClient, type ApiClient } from '../cli/api-client.ts'
import { waitFor } from '../demo/wait.ts'
import { benchAssets, benchFamily, benchFeatureSet, benchPolicy, benchSite, benchWaveFamily, benchWaveFeatureSet } from './workload.ts'

/** Registers the machines and what is to be computed of them. */
export async function registerFleets(admin: ApiClient): Promise<void> {
  const site = { site: benchSite }
  await admin.post('/v1/assets/import', benchAssets)
  for (const [family, definition] of [[benchFamily, benchFeatureSet], [benchWaveFamily, benchWaveFeatureSet]] as const) {
    await admin.post('/v1/families', { id: family, name: family, owner: null, governance: {} }, site)
    await admin.post('/v1/feature-sets', { family, definition }, site)
  }
  await admin.post('/v1/policies', { family: benchFamily, definition: benchPolicy }, site)
}

/** Trains on what is there and promotes the better model through its gate, so that all of the family is judged from now on. */
export async function putReleaseInForce(admin: ApiClient): Promise<void> {
  const site = benchSite
  const approver = await makeApprover(admin)
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
}

async function makeApprover(admin: ApiClient): Promise<ApiClient> {
  await admin.post('/v1/actors', { id: 'bench-approver', name: 'Bench approver', roles: ['reliability-engineer'] }, { site: benchSite })
  const { key } = await admin.post<{ key: string }>('/v1/api-keys', { actor: 'bench-approver', label: 'bench' }, { site: benchSite })
  return createApiClient(admin.url, key)
}
