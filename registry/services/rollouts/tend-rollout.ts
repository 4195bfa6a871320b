import { readGuards } from '../../domain/rollout/guards.ts'
import type { RolloutStage } from '../../domain/rollout/plan.ts'
import { stepRollout, wakeUs, type RolloutState } from '../../domain/rollout/rollout.ts'
import { lockSeat } from '../../store/assignments.ts'
import { lockRollout, putCheck, readRollout, seatOfRollout, type RolloutRow } from '../../store/rollouts.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { measureRollout } from './measure-rollout.ts'
import { changeRollout, rolloutActor } from './rollout-change.ts'

export interface RolloutStanding {
  readonly state: RolloutState
  readonly stage: RolloutStage
  /** When it is to be looked at again; null once it has ended. */
  readonly wakeAtUs: number | null
}

/**
 * What clock and guards do to a rollout: measures the stage so far, rolls back where a guard trips, goes on where the stage is through,
 * and says how it stands. Safe to call at any time, by several at once, and again after dying anywhere within.
 */
export async function tendRollout(
  ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, { site, rollout: rolloutId }: { site: string; rollout: string }, progress: () => void = () => undefined,
): Promise<RolloutStanding> {
  const seen = await inSite(ctx.pool, site, (tx) => readRollout(tx, rolloutId))
  if (seen.state !== 'running') return standing(seen, ctx.nowUs())
  const measures = await measureRollout(ctx, seen, progress)
  const readings = readGuards(seen.plan.guards, measures)
  const windows = measures.assets.reduce((sum, at) => sum + at.windows - at.unscored, 0)
  return inSite(ctx.pool, site, async (tx) => {
    await lockSeat(tx, seatOfRollout(seen))
    const row = await lockRollout(tx, rolloutId)
    const nowUs = ctx.nowUs()
    const result = stepRollout(row, { kind: 'check', stage: seen.stage, readings, windows }, nowUs)
    if (!result.ok) return standing(row, nowUs)
    if (row.state === 'running' && row.stage === seen.stage) await putCheck(tx, row, { windows, readings, nowUs })
    if (result.change !== null) {
      const reason = result.rollout.endedBecause ?? `the stage ${row.stage} is through: ${windows} windows, every guard within its limit`
      await changeRollout(tx, row, result.rollout, result.change, { actor: rolloutActor, reason, nowUs, readings })
    }
    return standing({ ...row, ...result.rollout }, nowUs)
  })
}

const standing = (row: RolloutRow, nowUs: number): RolloutStanding => ({ state: row.state, stage: row.stage, wakeAtUs: row.state === 'running' ? wakeUs(row, nowUs) : null })
