import { criticalitySchema } from '../../domain/contract/hierarchy.ts'
import { refuse } from '../../domain/errors.ts'
import type { RolloutPlan, RolloutRequest, SliceRequest } from '../../domain/rollout/plan.ts'
import { pickSlice } from '../../domain/rollout/slice.ts'
import type { Scope, Seat } from '../../store/assignments.ts'
import { assetsOfScope, type ScopeAsset } from '../../store/rollouts.ts'
import type { Tx } from '../../store/transaction.ts'

/**
 * The plan as approvers will see it, its canary's machines by name. Refuses (`invalid`) a rollout to another role than champion, and a
 * slice that has no machines, all of them, or one that the release would not judge.
 */
export async function planRollout(tx: Tx, request: RolloutRequest, { seat, seed, nowUs }: { seat: Seat & { scope: Scope }; seed: string; nowUs: number }): Promise<RolloutPlan> {
  if (seat.role !== 'champion') refuse('invalid', `a rollout ends with the release as champion; to have it score beside as ${seat.role}, ask without a rollout`, { role: seat.role })
  const { canary } = request
  if (canary === null) return { ...request, canary }
  const assets = await assetsOfScope(tx, seat, nowUs)
  return { ...request, canary: { ...canary, assets: sliceOf(canary.slice, assets, seat.scope, seed) } }
}

function sliceOf(slice: SliceRequest, assets: readonly ScopeAsset[], scope: Scope, seed: string): string[] {
  const over = `${scope.kind} ${scope.id}`
  const judged = assets.filter(({ judgedOtherwise }) => judgedOtherwise === null)
  if ('percent' in slice) {
    const picked = pickSlice(judged, slice.percent, seed, criticalitySchema.options)
    if (picked.length > 0) return picked
    return refuse('invalid', `a canary takes some machines and leaves some: ${over} has ${judged.length === 0 ? 'none' : 'one'} that this release would judge; leave the canary out`, { machines: judged.length })
  }
  const wanted = [...new Set(slice.assets)].sort()
  const known = new Map(assets.map((at) => [at.asset, at]))
  for (const asset of wanted) {
    const at = known.get(asset) ?? refuse('invalid', `${asset} does not stand in ${over} now; a canary is a part of what the release is to judge (GET /v1/assets)`, { asset })
    if (at.judgedOtherwise !== null) refuse('invalid', `${asset} is judged by what is assigned to ${at.judgedOtherwise}, which is narrower than ${over}: this release would not judge it`, { asset })
  }
  if (wanted.length >= judged.length) refuse('invalid', `the canary is all of ${over}: leave some machines to compare with, or leave the canary out`, { machines: judged.length })
  return wanted
}
