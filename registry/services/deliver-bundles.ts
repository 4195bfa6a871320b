import { platformActor } from '../domain/access/rights.ts'
import { judgingReportSchema, type JudgingReport } from '../domain/contract/gateway-report.ts'
import { DomainError } from '../domain/errors.ts'
import { findAssetRefs } from '../store/assets-by-id.ts'
import { insertOrder } from '../store/gateway-commands.ts'
import { bundleOrders, gatewaysThatJudge, type BundleOrder } from '../store/gateway-bundles.ts'
import { releasesInForce } from '../store/releases-in-force.ts'
import { releaseNames } from '../store/releases.ts'
import { ALL_SITES, inSite } from '../store/transaction.ts'
import { exportBundle, type ExportDeps } from './export-bundle.ts'

const ACTOR = platformActor('bundles')
/** A refused bundle is issued again after a day: what it was refused for may have been mended at the gateway. */
const AGAIN_US = 86_400_000_000
const SHOWS_US = 120_000_000

export interface DeliverDeps extends ExportDeps {
  /** A gateway that cannot be served, and why; the others are. */
  readonly onTrouble: (where: { readonly site: string; readonly gateway: string }, error: unknown) => void
}

export interface Delivery { readonly site: string; readonly gateway: string; readonly release: string; readonly assets: readonly string[]; readonly digest: string }

/**
 * Issues to each gateway that trusts this platform's key the champions of the machines it reads, where it does not judge by
 * them already: as a signed bundle with an order to install it, which the gateway gets with the reply to its next report.
 */
export async function deliverBundles(deps: DeliverDeps): Promise<Delivery[]> {
  const gateways = await inSite(deps.pool, ALL_SITES, (tx) => gatewaysThatJudge(tx, deps.nowUs()))
  const made: Delivery[] = []
  for (const { site, gateway, judging } of gateways) {
    const { data } = judgingReportSchema.safeParse(judging)
    if (data?.keys.includes(deps.signer.keyId) !== true) continue
    for (const missing of await missingAt(deps, site, gateway, data)) {
      try {
        made.push(await deliver(deps, { site, gateway, release: missing.release, releaseDigest: missing.digest, assets: missing.assets }))
      } catch (error) {
        // A promotion may come between the look and the issue: the next round sees it.
        if (!(error instanceof DomainError) || error.code !== 'conflict') deps.onTrouble({ site, gateway }, error)
      }
    }
  }
  return made
}

interface Missing { readonly release: string; readonly digest: string; readonly assets: readonly string[] }

async function missingAt({ pool, nowUs }: DeliverDeps, site: string, gateway: string, { assets, bundles }: JudgingReport): Promise<Missing[]> {
  return inSite(pool, site, async (tx) => {
    const refs = await findAssetRefs(tx, site, assets)
    const champions = (await releasesInForce(tx, [...refs.values()])).filter(({ role }) => role === 'champion')
    const names = await releaseNames(tx, [...new Set(champions.map(({ releaseRef }) => releaseRef))])
    const orders = await bundleOrders(tx, site, gateway)
    const found = new Map<string, { release: string; digest: string; assets: string[] }>()
    for (const [asset, assetRef] of refs) {
      const champion = champions.find((one) => one.assetRef === assetRef)
      const named = champion && names.get(champion.releaseRef)
      if (!named) continue
      if (bundles.some((bundle) => bundle.asset === asset && bundle.release === named.digest)) continue
      const ordered = orders.find((order) => order.release === named.digest && order.assets.includes(asset))
      // Refused together, for one of them perhaps: then each by itself.
      const singly = ordered?.state === 'refused' && ordered.assets.length > 1
      if (ordered !== undefined && !singly && !isOver(ordered, nowUs())) continue
      const key = singly ? `${champion.releaseRef} ${asset}` : String(champion.releaseRef)
      const one = found.get(key) ?? { ...named, assets: [] }
      one.assets.push(asset)
      found.set(key, one)
    }
    return [...found.values()].map((one) => ({ ...one, assets: one.assets.sort() }))
  })
}

/** What was refused may be taken after a day; what was done shows in the next report but one. */
function isOver({ state, updatedUs }: BundleOrder, nowUs: number): boolean {
  if (state === 'refused') return updatedUs <= nowUs - AGAIN_US
  return state === 'done' && updatedUs <= nowUs - SHOWS_US
}

async function deliver(deps: DeliverDeps, { site, gateway, release, releaseDigest, assets }: { site: string; gateway: string; release: string; releaseDigest: string; assets: readonly string[] }): Promise<Delivery> {
  const { bytes, digest } = await exportBundle(deps, ACTOR, { site, release, assets: [...assets] })
  await deps.objects.put('models', bundleKey(digest), bytes, 'application/octet-stream', digest)
  await inSite(deps.pool, site, (tx) => insertOrder(tx, {
    site, gateway, kind: 'install-bundle', body: { digest, bytes: bytes.length }, about: { release: releaseDigest, assets, file: { bucket: 'models', key: bundleKey(digest) } }, requestedBy: ACTOR.id, atUs: deps.nowUs(),
  }))
  return { site, gateway, release, assets, digest }
}

const bundleKey = (digest: string): string => `bundles/${digest}.twb`
