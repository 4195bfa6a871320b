import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { createDecodedCache } from '../../../activities/decoded-cache.ts'
import { storeBatches } from '../../../activities/ingest.ts'
import { createModelCache } from '../../../activities/models/load-model.ts'
import { runtimeDigest } from '../../../activities/models/runtime.ts'
import { createWindowActivities } from '../../../activities/windows.ts'
import { nextGroups } from '../../../infra/dispatch-groups.ts'
import { landBatch } from '../../../registry/services/land-batch.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { readWaitingBatches } from '../../../registry/store/waiting-batches.ts'
import { readingsBatch, type Row } from '../../helpers/ingest-plant.ts'
import { admin, createJudgingSite, S, T0, type JudgingSite } from '../../helpers/judging.ts'
import { seeded, shuffled } from '../../helpers/random.ts'

const open: JudgingSite[] = []
after(async () => { for (const site of open) await site.drop() })

const BATCHES = 10
const SECONDS = 11
/** Batch `sequence` of one pump's gateway: vibration that wears for a while, a temperature, and readings out of order. */
function batchBytes(pump: string, sequence: number): Uint8Array {
  const rows: Row[] = []
  for (let s = (sequence - 1) * SECONDS; s < sequence * SECONDS; s++) {
    rows.push({ tag: `${pump}/vibration`, sourceUs: T0 + s * S, value: s >= 40 && s < 70 && pump === 'pump-1' ? 9 : Math.sin(s) })
    rows.push({ tag: `${pump}/temperature`, sourceUs: T0 + s * S, value: 40 + Math.cos(s / 7) })
  }
  // One reading of long ago: late in the same way, however the batches come.
  if (sequence === 7) rows.push({ tag: `${pump}/vibration`, sourceUs: T0 + 12.5 * S, value: 300 })
  return readingsBatch(rows, { gateway: `gw-${pump}`, sequence, completeThroughUs: T0 + sequence * SECONDS * S })
}

interface Delivery { readonly order: readonly { pump: string; sequence: number }[]; readonly dispatchAfter: (n: number) => boolean; readonly freshWorkers: boolean }

/** Lands batches in the order given, dispatching groups now and then as the keeper does, and says what came of it. */
async function deliver({ order, dispatchAfter, freshWorkers }: Delivery): Promise<unknown> {
  const site = await createJudgingSite({ assets: 2 })
  open.push(site)
  await site.asOwner("update site set settings = '{\"windows\": {\"revisionQuietUs\": 0}}' where site_id = $1", [site.site])
  await site.assign(await site.release())
  const months = new Set<string>()
  const newWorker = () => {
    const chunks = createDecodedCache({ maxBytes: 64 * 1024 * 1024 })
    return {
      chunks, windows: createWindowActivities({
        pool: site.pool, chunks, models: createModelCache(site.objects), runtimeDigest: () => runtimeDigest().digest, nowUs: site.ctx.nowUs,
        log: { info: () => undefined, error: (_facts, message) => { throw new Error(message) } },
      }),
    }
  }
  let worker = newWorker()
  const dispatch = async (): Promise<void> => {
    for (const { batches } of nextGroups(await inSite(site.pool, site.site, (tx) => readWaitingBatches(tx, 100)), Date.now() * 1000)) {
      if (freshWorkers) worker = newWorker()
      const { gateway, epoch } = batches[0]!
      const batchIds = batches.map(({ batchId }) => batchId)
      await storeBatches({ pool: site.pool, objects: site.objects, cache: worker.chunks }, months, { site: site.site, gateway, epoch, batchIds })
      await worker.windows.closeWindows({ site: site.site, batchIds })
    }
  }
  for (const [n, { pump, sequence }] of order.entries()) {
    await landBatch(site.ctx, admin, { site: site.site, gateway: `gw-${pump}`, bytes: batchBytes(pump, sequence) })
    if (dispatchAfter(n)) await dispatch()
  }
  await dispatch()
  while ((await worker.windows.reviseWindows({ site: site.site })).taken > 0);
  return {
    windows: await site.asOwner(
      `select asset_id, window_end, revision, lane, feature_values, good_fraction, source_time from feature_window join asset using (asset_ref)
       order by asset_id, window_end, revision`),
    scores: await site.asOwner(
      `select asset_id, window_end, revision, score, confidence, contributions, fold_before, decision from score join asset using (asset_ref)
       order by asset_id, window_end, revision`),
    alerts: await site.asOwner('select asset_id, rule_id, severity, raised_at, cleared_at from alert join asset using (asset_ref)'),
    open: await site.asOwner('select 1 from raw_batch where windows_closed_at is null'),
  }
}

describe('delivery', () => {
  it('shuffled, doubled and cut into any groups gives the same windows, scores, decisions and alerts', async () => {
    const inOrder = Array.from({ length: BATCHES }, (_, i) => i + 1).flatMap((sequence) => [{ pump: 'pump-1', sequence }, { pump: 'pump-2', sequence }])
    const random = seeded(20_260_301)
    const expected = await deliver({ order: inOrder, dispatchAfter: () => true, freshWorkers: false }) as Record<string, unknown[]>
    assert.ok(expected['windows']!.length > 30)
    assert.ok(expected['windows']!.some((window) => (window as { revision: number }).revision === 1), 'the late reading made revisions')
    assert.equal(expected['alerts']!.length, 1)
    assert.deepEqual(expected['open'], [])
    const deliveries: Delivery[] = [
      { order: inOrder, dispatchAfter: () => false, freshWorkers: false },
      { order: shuffled([...inOrder, ...inOrder], random), dispatchAfter: () => random(5) === 0, freshWorkers: false },
      { order: shuffled([...inOrder, ...inOrder], random), dispatchAfter: () => random(3) === 0, freshWorkers: true },
    ]
    for (const delivery of deliveries) assert.deepEqual(await deliver(delivery), expected)
  })
})
