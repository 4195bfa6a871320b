import { endsTouching } from '../../registry/domain/windows/timing.ts'
import type { CommittedBatch } from '../../registry/store/asset-lanes.ts'
import { spansOfBatches, type BatchInterval } from '../../registry/store/batch-spans.ts'
import type { LateWindow } from '../../registry/store/late-windows.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import type { LanePlan } from './lane-plan.ts'

/**
 * Readings older than what was closed when their batch came. Whole intervals count, gaps inside them included: a
 * revision that finds the same features is not stored.
 */
export async function findLate(tx: Tx, lanes: readonly LanePlan[], batches: readonly CommittedBatch[]): Promise<LateWindow[]> {
  const byCommit = new Map(batches.map((batch) => [batch.commitNumber, batch]))
  const behind = lanes.flatMap((plan) => plan.positions.flatMap(({ commitNumber, closedThroughUs }) => {
    const batch = byCommit.get(commitNumber) as CommittedBatch
    const reachesBack = batch.firstUs !== null && batch.firstUs < closedThroughUs
    return reachesBack && commitNumber !== plan.lane.openedCommit ? [{ plan, batch, fromUs: batch.firstUs, closedThroughUs }] : []
  }))
  const intervals = new Map<string, BatchInterval>()
  for (const { batch, fromUs, closedThroughUs } of behind) {
    const beforeUs = Math.max(closedThroughUs, intervals.get(batch.batchId)?.beforeUs ?? -Infinity)
    intervals.set(batch.batchId, { batchId: batch.batchId, fromUs, beforeUs })
  }
  const spans = await spansOfBatches(tx, [...intervals.values()], [...new Set(behind.flatMap(({ plan }) => plan.tags.map((tag) => tag.tagRef)))])
  return behind.flatMap(({ plan, batch, closedThroughUs }) => {
    const tags = new Set(plan.tags.map((tag) => tag.tagRef))
    const ends = spans.filter((span) => span.batchId === batch.batchId && tags.has(span.tagRef))
      .flatMap((span) => endsTouching(plan.set.set, span.fromUs, Math.min(span.toUs, closedThroughUs - 1), closedThroughUs))
    return [...new Set(ends)].map((endUs) => ({
      assetRef: plan.lane.assetRef, featureSetRef: plan.lane.featureSetRef, lane: plan.lane.lane, endUs,
    }))
  })
}
