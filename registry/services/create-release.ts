import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { releaseDigest } from '../domain/bundle/manifest.ts'
import { canonicalDigest } from '../domain/canonical.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { featureSetDefinitions } from '../store/judging-definitions.ts'
import { appendLedger } from '../store/ledger.ts'
import { findModelVersion } from '../store/model-versions.ts'
import { findPolicy, makeRelease, type StoredRelease } from '../store/releases.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const createReleaseInput = z.object({
  site: slugSchema,
  model: z.object({ name: slugSchema, version: z.int().min(1) }),
  policyVersion: z.int().min(1).nullable().default(null).describe('Version of the family\'s policy; null = the newest'),
})
export type CreateReleaseInput = z.infer<typeof createReleaseInput>

/**
 * Binds a model version, its feature set and calibration, and a policy into a release that never changes. The same four
 * again give the same release. Refuses (`not_found`) a model or policy that is not there.
 */
export async function createRelease(
  ctx: ServiceContext, actor: Actor, input: CreateReleaseInput,
): Promise<StoredRelease & { made: boolean }> {
  return inSite(ctx.pool, input.site, (tx) => createReleaseIn(tx, actor, input))
}

/** The same inside a transaction that does more. */
export async function createReleaseIn(tx: Tx, actor: Actor, { site, model: { name, version }, policyVersion }: CreateReleaseInput): Promise<StoredRelease & { made: boolean }> {
  demand(actor, 'release.write', site)
  const model = await findModelVersion(tx, name, version)
  if (model === undefined) refuse('not_found', `site ${site} has no version ${version} of model ${name}`, { name, version })
  const policy = await findPolicy(tx, model.family, policyVersion)
  if (policy === undefined) {
    refuse('not_found', `family ${model.family} has no ${policyVersion === null ? 'policy' : `policy version ${policyVersion}`}; `
      + 'register one first: a release needs the rules that turn scores into decisions', { family: model.family, policyVersion })
  }
  const [featureSet] = await featureSetDefinitions(tx, [model.featureSetRef])
  const body = {
    family: model.family, model: { name, version, digest: model.digest }, featureSet: featureSet?.digest ?? null,
    calibration: canonicalDigest(model.calibration), policy: policy.digest,
  }
  const release = await makeRelease(tx, {
    family: model.family, modelVersionRef: model.modelVersionRef, featureSetRef: model.featureSetRef, policyRef: policy.policyRef,
    digest: releaseDigest(body), createdBy: actor.id,
  })
  if (release.made) {
    const subject = `release/${release.releaseId}`
    await recordAudit(tx, { actor, verb: 'create-release', subject, detail: { digest: release.digest, ...body } })
    await appendLedger(tx, { kind: 'release.made', subject, actor, body: { digest: release.digest, ...body } })
  }
  return release
}
