import type { ObjectStore } from '../registry/artifacts/object-store.ts'
import type { ReplayDeps } from '../registry/services/replay/replay-score.ts'

/**
 * The scorer of replays, made at the first call: loading TensorFlow takes seconds and memory that an API which never
 * replays should not spend. A failed start is tried again at the next call.
 */
export function createLazyReplayScorer(objects: ObjectStore): () => Promise<ReplayDeps['scorer']> {
  let made: Promise<ReplayDeps['scorer']> | undefined
  return () => {
    made ??= make(objects).catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
}

async function make(objects: ObjectStore): Promise<ReplayDeps['scorer']> {
  const { createModelCache } = await import('../activities/models/load-model.ts')
  const { createReplayScorer } = await import('../activities/windows/replay-scorer.ts')
  return createReplayScorer(createModelCache(objects, 4))
}
