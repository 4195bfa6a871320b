import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import type { BundleManifest, BundleTag } from '../domain/bundle/manifest.ts'
import { sealBundle, type BundleSigner } from '../domain/bundle/seal.ts'
import { canonicalDigest, sha256Hex } from '../domain/canonical.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { featureSetRoles } from '../domain/features/feature-set.ts'
import { policyDigest } from '../domain/policy/policy.ts'
import { declaredTolerance } from '../domain/replay/compare.ts'
import { recordNumberedAudit } from '../store/audit.ts'
import { featureSetDefinitions, releaseDefinitions, roleTagsOf, tagsForRoles } from '../store/judging-definitions.ts'
import { findModelVersion } from '../store/model-versions.ts'
import { releasesInForce } from '../store/releases-in-force.ts'
import { findRelease, type StoredRelease } from '../store/releases.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'
import { assetRefOf } from './read/asset-of.ts'

export const exportBundleInput = z.object({
  site: slugSchema,
  release: z.string().max(100),
  assets: z.array(slugSchema).min(1).max(500).describe('Machines of one gateway; the release must be champion for each'),
})
export type ExportBundleInput = z.infer<typeof exportBundleInput>

export interface ExportedBundle {
  readonly bytes: Uint8Array
  readonly digest: string
  readonly keyId: string
  readonly manifest: BundleManifest
}

export interface ExportDeps extends ServiceContext {
  readonly signer: BundleSigner
  /** Version of Node by which this platform computes. */
  readonly node: string
}

/**
 * The release as a signed file for the gateway that reads these machines. Only what judges them now: whatever was not
 * let in here judges nowhere. Each export is a new issue, numbered by its audit entry, so that of two the later counts.
 *
 * Refuses (`not_found`) a release or machine that is not there, (`conflict`) a machine whose champion is another release,
 * and (`digest_mismatch`) a model that is not the registered one.
 */
export async function exportBundle(ctx: ExportDeps, actor: Actor, { site, release: releaseId, assets: named }: ExportBundleInput): Promise<ExportedBundle> {
  demand(actor, 'release.export', site)
  const assets = [...new Set(named)].sort()
  return inSite(ctx.pool, site, async (tx) => {
    const release = await findRelease(tx, releaseId) ?? refuse('not_found', `site ${site} has no release ${releaseId}; GET /v1/releases lists those it has`, { release: releaseId })
    const refs = new Map<number, string>()
    for (const asset of assets) refs.set(await assetRefOf(tx, site, asset), asset)
    await demandInForce(tx, release, refs)
    const { manifest, artifactKey } = await contentsOf(tx, release, refs)
    const model = await ctx.objects.get('models', artifactKey)
    if (sha256Hex(model) !== manifest.model.digest) {
      refuse('digest_mismatch', `the object of model ${manifest.model.name} v${manifest.model.version} is not what was registered; restore it from a backup before anything is exported`, { artifactKey })
    }
    const number = await recordNumberedAudit(tx, {
      actor, verb: 'export-bundle', subject: `release/${releaseId}`, detail: { release: release.digest, assets, key: ctx.signer.keyId },
    })
    const issued = { site, assets, ...manifest, issue: { number, atUs: ctx.nowUs(), by: actor.id }, node: ctx.node }
    const bytes = sealBundle(ctx.signer, issued, model)
    return { bytes, digest: sha256Hex(bytes), keyId: ctx.signer.keyId, manifest: issued }
  })
}

async function demandInForce(tx: Tx, release: StoredRelease, assets: ReadonlyMap<number, string>): Promise<void> {
  const champions = new Map((await releasesInForce(tx, [...assets.keys()])).filter(({ role }) => role === 'champion').map(({ assetRef, releaseRef }) => [assetRef, releaseRef]))
  const others = [...assets].filter(([assetRef]) => champions.get(assetRef) !== release.releaseRef).map(([, asset]) => asset)
  if (others.length === 0) return
  refuse('conflict', `${release.releaseId} is not the champion of ${others.slice(0, 5).join(', ')}${others.length > 5 ? ` and ${others.length - 5} more` : ''}, and a gateway judges by nothing else. `
    + 'GET /v1/assets/{asset}/in-force says what is; ask for the promotion of this release, or export that one.', { release: release.releaseId, assets: others })
}

type Contents = Pick<BundleManifest, 'release' | 'model' | 'featureSet' | 'calibration' | 'policy' | 'tolerance' | 'tags'>

async function contentsOf(tx: Tx, stored: StoredRelease, assets: ReadonlyMap<number, string>): Promise<{ manifest: Contents; artifactKey: string }> {
  const [release] = await releaseDefinitions(tx, [stored.releaseRef])
  const [featureSet] = await featureSetDefinitions(tx, [stored.featureSetRef])
  if (release === undefined || featureSet === undefined) throw new Error(`release ${stored.releaseId} has no definition`)
  const { name, version, kind, digest, artifactKey } = release.model
  const roles = featureSetRoles(featureSet.set)
  const tags = [...await roleTagsOf(tx, [...assets.keys()])].flatMap(([assetRef, all]) => tagsForRoles(all, roles).map((tag): BundleTag => ({
    asset: assets.get(assetRef) as string, tag: tag.tagKey, role: tag.role, kind: tag.kind, fromUs: orNull(tag.fromUs), toUs: orNull(tag.toUs),
  })))
  return {
    artifactKey,
    manifest: {
      release: { id: stored.releaseId, family: stored.family, digest: stored.digest },
      model: { name, version, kind, digest },
      featureSet: { digest: featureSet.digest, definition: featureSet.set },
      calibration: { digest: canonicalDigest(release.calibration), state: release.calibration },
      policy: { digest: policyDigest(release.policy), definition: release.policy },
      tolerance: declaredTolerance((await findModelVersion(tx, name, version))?.runtime ?? {}),
      tags,
    },
  }
}

const orNull = (us: number): number | null => (Number.isFinite(us) ? us : null)
