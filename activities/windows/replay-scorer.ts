import { setImmediate as breathe } from 'node:timers/promises'
import type { ReplayDeps } from '../../registry/services/replay/replay-score.ts'
import type { ModelCache } from '../models/load-model.ts'
import { SCORING_BATCH } from '../../registry/domain/models/model.ts'
import { runtimeDigest } from '../models/runtime.ts'

/** How replays score in a process that has the models' libraries. */
export function createReplayScorer(models: ModelCache): ReplayDeps['scorer'] {
  return {
    async scoreRow({ artifactKey, digest }, row) {
      const model = await models.get(artifactKey, digest)
      return model.scoreRows(row, 1).scores[0] as number
    },
    async scoreRows({ artifactKey, digest }, rows, n) {
      const model = await models.get(artifactKey, digest)
      const scores = new Float64Array(n)
      for (let from = 0; from < n; from += SCORING_BATCH) {
        const to = Math.min(n, from + SCORING_BATCH)
        scores.set(model.scoreRows(rows.subarray(from * model.featureCount, to * model.featureCount), to - from).scores, from)
        await breathe()
      }
      return scores
    },
    runtimeDigest: () => runtimeDigest().digest,
  }
}
