import type { ServiceContext } from '../registry/services/context.ts'
import { tendFleetUpdate, type FleetUpdateStanding } from '../registry/services/gateway-updates/tend.ts'

export interface FleetUpdateActivities {
  /** Looks at what the gateways reported, and does what follows; says when to look again. */
  tendFleetUpdate(update: { readonly site: string; readonly updateId: string }): Promise<FleetUpdateStanding>
}

export function createFleetUpdateActivities(deps: Pick<ServiceContext, 'pool' | 'nowUs'>): FleetUpdateActivities {
  return { tendFleetUpdate: ({ site, updateId }) => tendFleetUpdate(deps, { site, update: updateId }) }
}
