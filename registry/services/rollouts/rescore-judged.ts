import { currentAssignment } from '../../store/assignments.ts'
import { rescoreByRequest } from '../../store/rescores.ts'
import { judgedSince, seatOfRollout, type RolloutRow } from '../../store/rollouts.ts'
import type { Tx } from '../../store/transaction.ts'
import { enterRescore, scopeOfSeat } from '../rescore/start-rescore.ts'
import type { FillingBy } from './fill-seats.ts'

/**
 * Has the windows judged anew that ended since a release, taken back by now, first judged a machine on its rollout: by what judges
 * these machines again. Gives the operation; null: it judged none, or nothing judges them now.
 */
export async function rescoreJudged(tx: Tx, rollout: RolloutRow, { actor, reason, nowUs }: FillingBy): Promise<string | null> {
  const { rolloutId, plan, stage } = rollout
  const seat = seatOfRollout(rollout)
  const afterUs = await judgedSince(tx, rolloutId)
  const current = await currentAssignment(tx, seat)
  if (afterUs === null || current === null || current.releaseRef === rollout.releaseRef) return null
  const scope = stage === 'canary' && plan.canary !== null ? { assets: plan.canary.assets } : scopeOfSeat(seat)
  const { operationId } = await enterRescore(tx, actor, {
    scope, afterUs, throughUs: nowUs, named: null, reason, assignmentId: current.assignmentId, requestId: requestOf(rolloutId), nowUs,
  })
  return operationId
}

/** The rescore that followed a rollout; null: none. */
export const rescoreAfter = async (tx: Tx, rolloutId: string): Promise<string | null> => (await rescoreByRequest(tx, requestOf(rolloutId)))?.operationId ?? null

/** A rollout is taken back once. */
const requestOf = (rolloutId: string): string => `rollout/${rolloutId}`
