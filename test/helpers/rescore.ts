import assert from 'node:assert/strict'
import { createDecodedCache } from '../../activities/decoded-cache.ts'
import { createModelCache } from '../../activities/models/load-model.ts'
import { runtimeDigest } from '../../activities/models/runtime.ts'
import { createRescoreActivities, type RescoreActivities } from '../../activities/rescore.ts'
import type { JudgingSite } from './judging.ts'

export const rescoreActivitiesOf = (site: JudgingSite): RescoreActivities => createRescoreActivities({
  pool: site.pool, chunks: createDecodedCache({ maxBytes: 1 << 24 }), models: createModelCache(site.objects), runtimeDigest: () => runtimeDigest().digest,
  nowUs: site.ctx.nowUs, log: { info: () => undefined, error: () => undefined },
})

/** What the workflow does, to the end; another may be at it, too. */
export async function runRescore(site: JudgingSite, operationId: string, activities = rescoreActivitiesOf(site)) {
  const input = { site: site.site, operationId }
  await activities.countRescore(input)
  for (;;) {
    const { assets, paused, cancelling } = await activities.rescoreStanding({ ...input, most: 3 })
    assert.ok(!paused)
    if (assets.length === 0) return activities.finishRescore({ ...input, outcome: { state: 'succeeded' } })
    assert.ok(!cancelling)
    for (const asset of assets) await activities.rescoreAsset({ ...input, asset })
  }
}
