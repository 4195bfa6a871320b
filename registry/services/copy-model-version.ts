import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { findDataset, registerDataset, type StoredDataset } from '../store/datasets.ts'
import { findFeatureSetByRef } from '../store/feature-sets.ts'
import { findModelVersion, findModelVersionOfRun, insertModelVersion, lockRun, type StoredModelVersion } from '../store/model-versions.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { FeatureSet } from '../domain/features/feature-set.ts'
import type { ServiceContext } from './context.ts'
import { publishFeatureSet } from './register-feature-set.ts'
import { recordRegistration } from './register-model-version.ts'

export const copyModelVersionInput = z.object({
  site: slugSchema,
  from: z.object({ site: slugSchema, name: slugSchema, version: z.int().min(1).max(2 ** 31 - 1) }).strict(),
  family: slugSchema.optional().describe('Whose machines it is to judge here; absent: the family of the same id'),
})
export type CopyModelVersionInput = z.infer<typeof copyModelVersionInput>

/**
 * Takes a model version over from another site, with its feature set, calibration and the reference of its dataset: the
 * same artifact by digest, so the same windows get the same scores at both. Nothing is in force by that; this site binds
 * it with a policy of its own, and its own gate decides on evidence of its own machines. Whoever made the model stays
 * its author. Repeating it gives the copy that is there. Refuses (`not_found`) a version, family or artifact that is not
 * there, (`already_exists`) a feature set whose name and version mean something else here, (`conflict`) a run of that name
 * that registered something else here.
 * @see MLflow's `copy_model_version`, which this is modelled on
 */
export async function copyModelVersion(
  ctx: ServiceContext, actor: Actor, input: CopyModelVersionInput,
): Promise<StoredModelVersion & { made: boolean }> {
  const { site, from } = input
  demand(actor, 'model.write', site)
  demand(actor, 'read', from.site)
  if (from.site === site) refuse('invalid', `model ${from.name} v${from.version} is of site ${site} already; a copy goes to another site`, { site })
  const origin = await inSite(ctx.pool, from.site, (tx) => readOrigin(tx, from))
  // Outside the transaction: a registered version whose bytes are not there could never score.
  await ctx.objects.get('models', origin.model.artifactKey, origin.model.digest)
  return inSite(ctx.pool, site, async (tx) => {
    const { model, dataset } = origin
    await lockRun(tx, model.runId)
    const known = await findModelVersionOfRun(tx, model.runId, model.kind)
    const family = input.family ?? model.family
    if (known !== undefined) {
      if (known.digest === model.digest && known.family === family) return { ...known, made: false }
      refuse('conflict', `site ${site} has ${known.name} v${known.version} for family ${known.family} of a run that is called the same (${known.runId}); `
        + (known.digest === model.digest ? 'one site takes a model over for one family' : 'it is another model: train it under a run of another name'), { name: known.name, version: known.version, family: known.family })
    }
    const { featureSetRef } = await publishFeatureSet(tx, actor, { site, family, definition: origin.featureSet })
    const copy = await registerDataset(tx, { ...dataset, family, featureSetRef })
    const stored = await insertModelVersion(tx, { ...model, family, featureSetRef, datasetId: copy.datasetId, copiedFrom: { ...from, by: actor.id } })
    await recordRegistration(tx, actor, 'copy-model-version', stored, copy.digest)
    return { ...stored, made: true }
  })
}

interface Origin { readonly model: StoredModelVersion; readonly dataset: StoredDataset; readonly featureSet: FeatureSet }

async function readOrigin(tx: Tx, { site, name, version }: CopyModelVersionInput['from']): Promise<Origin> {
  const model = await findModelVersion(tx, name, version)
  if (model === undefined) return refuse('not_found', `site ${site} has no version ${version} of model ${name}`, { site, name, version })
  const [dataset, featureSet] = [await findDataset(tx, model.datasetId), await findFeatureSetByRef(tx, model.featureSetRef)]
  if (dataset === undefined || featureSet === undefined) throw new Error(`model ${name} v${version} of ${site} has lost its dataset or feature set`)
  return { model, dataset, featureSet: featureSet.definition }
}
