import path from 'node:path'
import type { Logger } from 'pino'
import type { GatewayClock } from '../clock.ts'
import type { SecretReader } from '../connectors/kind.ts'
import { createIdentityKeeper, type IdentityKeeper } from '../identity/keeper.ts'
import { createIdentityStore } from '../identity/store.ts'
import type { SitePlan } from './plan.ts'

export interface SiteIdentityOptions {
  readonly plan: SitePlan
  readonly secret: SecretReader
  readonly clock: GatewayClock
  readonly log: Logger
  readonly onProblem: (problem: string | null) => void
  readonly redial: () => void
  readonly everyMs?: number
}

/** Who the gateway of a site file is; null where it goes by a user and a password at a broker. */
export function createSiteIdentity({ plan, secret, clock, ...rest }: SiteIdentityOptions): IdentityKeeper | null {
  const { site, gateway, buffer, platform: { identity } } = plan
  if (identity === undefined) return null
  const { passphrase } = identity
  return createIdentityKeeper({
    ...rest, site, gateway,
    // Asked anew each time: a passphrase may come later, as a box may be enrolled later.
    store: () => createIdentityStore(path.join(buffer.directory, 'identity'), passphrase === null ? null : secret(passphrase)),
    platformNowUs() {
      const { skewUs } = clock.status()
      return skewUs === null ? null : clock.nowUs() - skewUs
    },
  })
}
