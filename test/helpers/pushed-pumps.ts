import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import pg from 'pg'
import { pino } from 'pino'
import { createDecodedCache } from '../../activities/decoded-cache.ts'
import { storeBatches } from '../../activities/ingest.ts'
import { createModelCache } from '../../activities/models/load-model.ts'
import { createForkFit } from '../../activities/models/fork-fit.ts'
import { runtimeDigest } from '../../activities/models/runtime.ts'
import { createTrainingActivities } from '../../activities/train.ts'
import type { ModelName } from '../../activities/training/register-models.ts'
import { createWindowActivities } from '../../activities/windows.ts'
import { nodeProgram } from '../../infra/node-child.ts'
import { createLanding } from '../../infra/landing.ts'
import { platformActor } from '../../registry/domain/access/rights.ts'
import { topics } from '../../registry/domain/contract/batch.ts'
import { featureSetSchema } from '../../registry/domain/features/feature-set.ts'
import { policySchema } from '../../registry/domain/policy/policy.ts'
import { createRelease, createReleaseInput } from '../../registry/services/create-release.ts'
import type { ServiceContext } from '../../registry/services/context.ts'
import { proposePolicy } from '../../registry/services/propose-policy.ts'
import { retrainModel, retrainModelInput } from '../../registry/services/retrain-model.ts'
import { switchAssignment } from '../../registry/store/assignments.ts'
import { createPool } from '../../registry/store/pool.ts'
import { inSite } from '../../registry/store/transaction.ts'
import { createMemoryObjectStore } from './memory-object-store.ts'
import { freshDatabase, freshPrefix, useStack } from './stack.ts'

export const ACTOR = platformActor('test')
export const TOKEN = 'a-token-of-enough-characters'
export const FAMILY = 'cooling-pumps'
export const S = 1_000_000

/** What happens in every pump, in canonical units, by seconds and how far its bearing has worn: slow against any sampling here. */
export const vibration = (s: number, wear: number): number => 2 + 0.3 * Math.sin((2 * Math.PI * s) / 37) + 0.2 * Math.cos((2 * Math.PI * s) / 53) + 0.4 * wear
export const temperature = (s: number, wear: number): number => 60 + 2 * Math.sin((2 * Math.PI * s) / 91) + 0.5 * Math.cos((2 * Math.PI * s) / 29) + 0.2 * wear

export interface Pump { readonly asset: string; readonly names: { vibration: string; temperature: string }; readonly units: { vibration: string; temperature: string }; readonly stepS: number }
/** A site whose machines push their readings to one gateway. */
export interface Site { readonly id: string; readonly gateway: string; readonly pumps: readonly Pump[] }

/** As another integrator would have written it: a template with the canonical units, and each machine's own names and units. */
export const siteFile = ({ id, gateway, pumps }: Site, port: number, more = 'health: off'): string => `version: 1
site: ${id}
gateway: ${gateway}
${more}
buffer: { cap: 64 MiB }
assets: { ${pumps.map(({ asset }) => `${asset}: { class: centrifugal-pump, family: ${FAMILY} }`).join(', ')} }
templates:
  centrifugal-pump:
    - { role: vibration, address: "{asset} vibration", canonicalUnit: mm/s }
    - { role: temperature, address: "{asset} temperature", canonicalUnit: Cel }
sources:
  - id: push
    type: http-push
    listen: "127.0.0.1:${port}"
    tokens: [{ name: all, secret: { env: TOKEN } }]
    limits: { requestsPerSecond: 1000 }
    tags:
${pumps.map(({ asset, names, units }) => `      - { like: centrifugal-pump, asset: ${asset}, roles: { vibration: { name: ${names.vibration}, unit: "${units.vibration}" }, temperature: { name: ${names.temperature}, unit: "${units.temperature}" } } }`).join('\n')}
`

export const featureSet = featureSetSchema.parse({
  name: 'pump-condition', version: 1, windowUs: 60 * S, hopUs: 30 * S,
  features: (['mean', 'std', 'rms', 'max', 'min'] as const).flatMap((kind) => ['vibration', 'temperature'].map((role) => ({ name: `${role}_${kind}`, role, kind }))),
})

/** What the platform keeps of a pump's windows under the release, by their end in seconds. */
export interface Judged { readonly end: number; readonly score: number; readonly confidence: number }

export type Platform = Awaited<ReturnType<typeof platform>>

/** A platform of its own for some sites, but for Temporal: what workflows would do, `settle` does. */
export async function platform(t: TestContext, sites: readonly Site[]) {
  const { connections } = await useStack()
  const database = await freshDatabase(await useStack())
  const pool = createPool(database.url, { max: 6 })
  const owner = new pg.Pool({ connectionString: database.adminUrl, max: 1 })
  owner.on('error', () => undefined)
  const objects = createMemoryObjectStore()
  const ctx: ServiceContext = { pool, objects, nowUs: () => Date.now() * 1000 }
  const windows = createWindowActivities({
    pool, chunks: createDecodedCache({ maxBytes: 64 * 1024 * 1024 }), models: createModelCache(objects), runtimeDigest: () => runtimeDigest().digest,
    nowUs: ctx.nowUs, log: { info: () => undefined, error: (facts, message) => { assert.fail(`${message}: ${JSON.stringify(facts)}`) } },
  })
  const landing = createLanding({
    ctx, mqtt: connections.mqtt, log: pino({ level: 'silent' }), clientId: freshPrefix(),
    filters: sites.map(({ id, gateway }) => topics.batch(id, gateway)), reportFilters: sites.flatMap(({ id, gateway }) => [topics.report(id, gateway), topics.fileRequest(id, gateway)]),
  })
  await landing.start()
  t.after(async () => {
    await landing.stop()
    await pool.end()
    await owner.end()
    await database.drop()
  })
  const rows = async <T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> => (await owner.query<T>(sql, values)).rows
  const months = new Set<string>()
  return {
    ctx, pool, objects, rows, mqtt: connections.mqtt,
    /** What the dispatcher and its workflow do for a site: stores what has landed, and closes the windows that are due. */
    async settle(site: string): Promise<void> {
      const waiting = await rows<{ batch_id: string; gateway_id: string; epoch: string; state: string }>(
        "select batch_id, gateway_id, epoch, state from raw_batch where site_id = $1 and (state = 'landed' or windows_closed_at is null) order by sequence", [site])
      const [first] = waiting
      if (!first) return
      const landed = waiting.filter(({ state }) => state === 'landed').map(({ batch_id }) => batch_id)
      if (landed.length > 0) await storeBatches({ pool, objects, cache: createDecodedCache({ maxBytes: 1 << 26 }) }, months, { site, gateway: first.gateway_id, epoch: first.epoch, batchIds: landed })
      await windows.closeWindows({ site, batchIds: waiting.map(({ batch_id }) => batch_id) })
    },
    /** By their end in seconds after an instant. */
    judged: (site: string, asset: string, sinceUs: number) => rows<Judged>(
      `select ((extract(epoch from s.window_end) * 1000000 - $3) / 1000000)::int as end, s.score, s.confidence
       from score s join asset a using (asset_ref) where a.site_id = $1 and a.asset_id = $2 order by s.window_end`, [site, asset, sinceUs]),
  }
}

/** Trains one model on the machines of all sites, at the first of them. */
export async function trainOnAll({ ctx }: Platform, sites: readonly Site[]): Promise<ModelName> {
  const [home, ...others] = sites.map(({ id }) => id)
  const input = retrainModelInput.parse({ site: home, family: FAMILY, sites: others, reason: 'the pumps of both sites are alike' })
  const { operationId } = await retrainModel(ctx, ACTOR, input)
  const steps = createTrainingActivities({ ...ctx, fit: (job, hooks) => createForkFit(nodeProgram('activities/models/fit-process.ts'))({ ...job, options: { epochs: 15, patience: 5 } }, hooks) })
  const run = { site: input.site, operationId, family: FAMILY, reason: 'the pumps of both sites are alike', requestedBy: 'mia' }
  const { dataset } = await steps.snapshotDataset({ ...run, fromUs: 0, toUs: ctx.nowUs(), assets: null, sites: others })
  const { report } = await steps.trainModels({ ...run, dataset })
  return (await steps.registerModels({ ...run, report })).chosen
}

/** Binds a model with a policy of the site, and puts that in force for the family there. */
export async function putInForce({ ctx, pool }: Platform, site: string, model: ModelName): Promise<void> {
  const rule = { comparison: 'above', severity: 'high', failureMode: 'VIB', onDelayUs: 0, offDelayUs: 60 * S, recommendedAction: 'Inspect the drive-end bearing.' } as const
  const definition = policySchema.parse({
    name: `pumps-of-${site}`, version: 1,
    rules: [{ ...rule, id: 'shaking', signal: 'feature:vibration_mean', raiseAt: 4.2, clearAt: 3.5 }, { ...rule, id: 'odd', signal: 'confidence', raiseAt: 0.99, clearAt: 0.9, onDelayUs: 120 * S }],
    routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 900 },
  })
  await proposePolicy(ctx, ACTOR, { site, family: FAMILY, definition })
  const { releaseRef } = await createRelease(ctx, ACTOR, createReleaseInput.parse({ site, model }))
  await inSite(pool, site, (tx) => switchAssignment(tx, {
    seat: { site, family: FAMILY, role: 'champion', scope: { kind: 'family', id: FAMILY } }, releaseRef, gateId: null, reason: 'test', assignedBy: 'test', requestId: 'request-1', nowUs: ctx.nowUs(),
  }))
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 120_000; !await holds();) {
    assert.ok(performance.now() < endMs, `waited in vain for ${what}`)
    await new Promise((resolve) => { setTimeout(resolve, 50) })
  }
}
