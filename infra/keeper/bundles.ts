import type { Logger } from 'pino'
import { deliverBundles, type DeliverDeps } from '../../registry/services/deliver-bundles.ts'
import { periodic, type Loop } from './loop.ts'

const EVERY_MS = 5_000
/** A gateway that cannot be served is tried every round. */
const SAY_AGAIN_MS = 60_000

/** Sees to it that gateways judge by the releases in force. */
export function bundleDeliverer(base: Omit<DeliverDeps, 'onTrouble' | 'node'>, log: Logger): Loop {
  const saidAt = new Map<string, number>()
  const deps: DeliverDeps = {
    ...base, node: process.version,
    onTrouble({ site, gateway }, error) {
      const now = Date.now()
      if (now - (saidAt.get(`${site}/${gateway}`) ?? -Infinity) < SAY_AGAIN_MS) return
      saidAt.set(`${site}/${gateway}`, now)
      log.error({ site, gateway, err: error }, 'this gateway gets no bundle')
    },
  }
  return periodic('bundles', EVERY_MS, async () => {
    for (const { site, gateway, release, assets } of await deliverBundles(deps)) log.info({ site, gateway, release, assets: assets.length }, 'a bundle was issued to a gateway')
  })
}
