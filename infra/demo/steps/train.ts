import { runOperation } from '../operation.ts'
import { demoFamily, demoPolicy } from '../definitions.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import type { Demo } from '../context.ts'

export interface Trained { readonly release: string; readonly gate: string; readonly model: string }

/** Mia sets the bearing rule from the healthy weeks, then trains; the run opens a gate for its release. */
export async function train({ people, narrator, plant, trainedThroughUs }: Demo): Promise<Trained> {
  const site = plant.site
  const level = await healthyLevel(people.mia, site, 'bpfo-de')
  await people.mia.post('/v1/policies', { family: demoFamily, definition: demoPolicy(1, level) }, { site })
  narrator.say(`Policy 1: the outer-race line of the envelope raises at ${level.toPrecision(3)} (healthy mean + 8 standard deviations), held for 2 h.`)
  const operation = await runOperation(people.mia, site, { kind: 'retrain-model', family: demoFamily, to: microsToIso(trainedThroughUs), reason: 'first model of the family', promote: true }, narrator)
  const { release, gate, chosen } = operation.result as { release: string; gate: string; chosen: string }
  const models = await people.mia.get<{ items: { name: string; version: number; kind: string; metrics: Record<string, unknown> }[] }>('/v1/models', { site })
  for (const model of models.items) narrator.say(`${model.name} version ${model.version}: ${model.kind}${`${model.name}@${model.version}` === chosen ? ' (chosen)' : ''}`)
  narrator.say(`Bound into release ${release} with its feature set, calibration and policy.`)
  return { release, gate, model: chosen }
}

async function healthyLevel(client: Demo['people']['mia'], site: string, feature: string): Promise<number> {
  const { items: assets } = await client.get<{ items: { id: string }[] }>('/v1/assets', { site })
  const pages = await Promise.all(assets.map(({ id }) => client.get<{ items: { values: Record<string, number | null> }[] }>('/v1/features', { site, asset: id, limit: 500 })))
  const values = pages.flatMap(({ items }) => items.map((row) => row.values[feature])).filter((v): v is number => typeof v === 'number')
  if (values.length < 50) throw new Error(`Only ${values.length} windows have the feature ${feature}; the healthy weeks should give hundreds.`)
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)
  return Number((mean + 8 * std).toPrecision(4))
}
