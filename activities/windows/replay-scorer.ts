import type { ReplayDeps } from '../../registry/services/replay/replay-score.ts'
import type { ModelCache } from '../models/load-model.ts'
import { runtimeDigest } from '../models/runtime.ts'

/** How replays score in a process that has the models' libraries. */
export function createReplayScorer(models: ModelCache): ReplayDeps['scorer'] {
  return {
    async scoreRow({ artifactKey, digest }, row) {
      const model = await models.get(artifactKey, digest)
      return model.scoreRows(row, 1).scores[0] as number
    },
    runtimeDigest: () => runtimeDigest().digest,
  }
}
