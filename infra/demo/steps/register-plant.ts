import { demoPlantAssets, demoPlantTruth, type DemoPlantConfig } from '../../../edge/connectors/demo-plant/index.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import type { ApiClient } from '../../cli/api-client.ts'
import { createClients, type DemoClients } from '../clients.ts'
import { demoDrift, demoFamily, demoFeatureSet, demoGovernance, demoPeople } from '../definitions.ts'
import type { Narrator } from '../narrator.ts'

/** Plant, people, family, feature set, webhook and the planned stop, each by its API call. */
export async function registerPlant(admin: ApiClient, plant: DemoPlantConfig, hookUrl: string, narrator: Narrator): Promise<DemoClients> {
  const { site } = plant
  const assets = demoPlantAssets(plant)
  await admin.post('/v1/assets/import', assets)
  const people = await createClients(admin, site)
  await admin.post('/v1/families', { id: demoFamily, name: 'Cooling water pumps', owner: 'rita', governance: demoGovernance, drift: demoDrift }, { site })
  await people.mia.post('/v1/feature-sets', { family: demoFamily, definition: demoFeatureSet }, { site })
  await admin.post('/v1/webhooks', { url: hookUrl, events: ['alert.*'] }, { site })
  const { stop } = demoPlantTruth(plant)
  const service = { asset: stop.asset, kind: 'stop', start: microsToIso(stop.fromUs), end: microsToIso(stop.toUs), note: 'Planned service', workOrder: 'WO-PLAN-7' }
  await people.omar.post('/v1/maintenance-events', service, { site })
  narrator.say(`${assets.assets.length} pumps with ${assets.tags.length} tags; ${plant.days} days of plant time that end now, seed ${plant.seed}.`)
  narrator.say(`${demoPeople.map(({ name }) => name).join(', ')}: each with a key and roles.`)
  narrator.say('Rita owns the family; two reliability engineers must approve a model, and never the one who asked.')
  return people
}
