import type { ApiDeps } from '../deps.ts'
import type { Endpoint } from '../endpoint.ts'
import { accessEndpoints } from './access.ts'
import { dataEndpoints } from './data.ts'
import { meEndpoints } from './me.ts'
import { platformEndpoints } from './platform.ts'
import { scoreEndpoints } from './scores.ts'
import { twinEndpoints } from './twins.ts'

/** Every operation under /v1, in the order in which they are documented. */
export function allEndpoints(deps: ApiDeps): Endpoint[] {
  return [
    ...twinEndpoints,
    ...scoreEndpoints,
    ...dataEndpoints,
    ...accessEndpoints,
    ...meEndpoints,
    ...platformEndpoints(deps),
  ]
}
