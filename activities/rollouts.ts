import { heartbeat } from '@temporalio/activity'
import type { ServiceContext } from '../registry/services/context.ts'
import { tendRollout, type RolloutStanding } from '../registry/services/rollouts/tend-rollout.ts'

export interface RolloutActivities {
  /** Lets the guards look, and does what follows; says when to look again. */
  tendRollout(rollout: { readonly site: string; readonly rolloutId: string }): Promise<RolloutStanding>
}

export function createRolloutActivities(deps: Pick<ServiceContext, 'pool' | 'nowUs'>): RolloutActivities {
  return {
    tendRollout: ({ site, rolloutId }) => tendRollout(deps, { site, rollout: rolloutId }, heartbeat),
  }
}
