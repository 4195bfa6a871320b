import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { featureSetDigest, featureSetSchema } from '../domain/features/feature-set.ts'
import { recordAudit } from '../store/audit.ts'
import { getFamily } from '../store/families.ts'
import { findFeatureSet, insertFeatureSet, type StoredFeatureSet } from '../store/feature-sets.ts'
import { reopenWindows } from '../store/reopen-windows.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const registerFeatureSetInput = z.object({ site: slugSchema, family: slugSchema, definition: featureSetSchema })
export type RegisterFeatureSetInput = z.infer<typeof registerFeatureSetInput>

/**
 * Publishes a version of a feature set: the family's windows are measured by it from then on, and those of its stored
 * history too, so that a model can be trained on what came before. The same definition again changes nothing. Refuses (`already_exists`) another definition under a published name and version.
 */
export async function registerFeatureSet(
  ctx: ServiceContext, actor: Actor, input: RegisterFeatureSetInput,
): Promise<StoredFeatureSet & { made: boolean }> {
  demand(actor, 'feature-set.write', input.site)
  return inSite(ctx.pool, input.site, (tx) => publishFeatureSet(tx, actor, input))
}

/** The same inside a transaction that does more (a model copied from another site brings its feature set). */
export async function publishFeatureSet(
  tx: Tx, actor: Actor, { site, family, definition }: RegisterFeatureSetInput,
): Promise<StoredFeatureSet & { made: boolean }> {
  await getFamily(tx, site, family)
  const digest = featureSetDigest(definition)
  const made = await insertFeatureSet(tx, { family, digest, definition, createdBy: actor.id })
  const stored = await findFeatureSet(tx, definition.name, definition.version)
  if (stored === undefined || stored.digest !== digest || stored.family !== family) {
    refuse('already_exists', `feature set ${definition.name} v${definition.version} is published with another definition or for another family; raise its version`, {
      name: definition.name, version: definition.version, published: stored?.digest, given: digest,
    })
  }
  if (made) {
    const reopened = await reopenWindows(tx, site, family)
    await recordAudit(tx, {
      actor, verb: 'register-feature-set', subject: `feature-set/${definition.name}/${definition.version}`,
      detail: { family, digest, features: definition.features.length, reopenedBatches: reopened },
    })
  }
  return { ...stored, made }
}
