import { createApiClient, type ApiClient } from '../cli/api-client.ts'
import { demoPeople, type DemoPerson } from './definitions.ts'

export type DemoClients = Record<DemoPerson | 'admin', ApiClient>

/** Makes the demo's people and a client for each with a key of their own: everything goes through the front door. */
export async function createClients(admin: ApiClient, site: string): Promise<DemoClients> {
  const clients: Partial<DemoClients> = { admin }
  for (const { id, name, roles } of demoPeople) {
    await admin.post('/v1/actors', { id, name, kind: 'person', roles }, { site })
    const { key } = await admin.post<{ key: string }>('/v1/api-keys', { actor: id, label: 'demo' }, { site })
    clients[id] = createApiClient(admin.url, key)
  }
  return clients as DemoClients
}
