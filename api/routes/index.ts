import type { ApiDeps } from '../deps.ts'
import type { Endpoint } from '../endpoint.ts'
import { accessEndpoints } from './access.ts'
import { alertEndpoints } from './alerts.ts'
import { backTestEndpoints } from './back-test.ts'
import { bundleEndpoints } from './bundles.ts'
import { dataEndpoints } from './data.ts'
import { delegationEndpoints } from './delegations.ts'
import { familyGovernanceEndpoints } from './family-governance.ts'
import { gateEndpoints } from './gates.ts'
import { gatewayUpdateEndpoints } from './gateway-updates.ts'
import { gatewayEndpoints } from './gateways.ts'
import { gatewayIdentityEndpoints } from './gateway-identity.ts'
import { governanceEndpoints } from './governance.ts'
import { incidentEndpoints } from './incidents.ts'
import { inForceEndpoints } from './in-force.ts'
import { lineageEndpoints } from './lineage.ts'
import { meEndpoints } from './me.ts'
import { modelEndpoints } from './models.ts'
import { operationEndpoints } from './operations.ts'
import { plantEndpoints } from './plant.ts'
import { platformEndpoints } from './platform.ts'
import { rolloutEndpoints } from './rollouts.ts'
import { scoreEndpoints } from './scores.ts'
import { twinEndpoints } from './twins.ts'
import { webhookEndpoints } from './webhooks.ts'
import { whatIfEndpoints } from './what-if.ts'

/** Every operation under /v1, in the order in which they are documented. */
export function allEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    ...plantEndpoints,
    ...dataEndpoints,
    ...gatewayEndpoints,
    ...gatewayIdentityEndpoints(deps),
    ...gatewayUpdateEndpoints(deps),
    ...twinEndpoints,
    ...scoreEndpoints(deps),
    ...whatIfEndpoints(deps),
    ...lineageEndpoints,
    ...modelEndpoints,
    ...bundleEndpoints(deps),
    ...gateEndpoints(deps),
    ...rolloutEndpoints,
    ...incidentEndpoints,
    ...delegationEndpoints,
    ...familyGovernanceEndpoints,
    ...governanceEndpoints,
    ...inForceEndpoints,
    ...backTestEndpoints,
    ...alertEndpoints,
    ...webhookEndpoints,
    ...operationEndpoints,
    ...accessEndpoints,
    ...meEndpoints,
    ...platformEndpoints(deps),
  ]
}
