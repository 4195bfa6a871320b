import { z } from 'zod'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { refuse } from '../../domain/errors.ts'
import { featureSetRoles, type FeatureSet } from '../../domain/features/feature-set.ts'
import { watchedFeature, type Policy } from '../../domain/policy/policy.ts'
import { calibrationSchema, createCalibrator, type CalibratedScore } from '../../domain/scoring/calibration.ts'
import { findRelease } from '../../store/assignments.ts'
import { findFeatureSet } from '../../store/feature-sets.ts'
import { featureSetDefinitions, releaseDefinitions, type ReleaseDefinition } from '../../store/judging-definitions.ts'
import { findModelVersion, modelVersionsReading, type StoredModelVersion } from '../../store/model-versions.ts'
import { policyVersion } from '../../store/policies.ts'
import type { Tx } from '../../store/transaction.ts'

const versionSchema = z.int().min(1).max(2 ** 31 - 1)

export const otherVersionsInput = z.object({
  release: z.string().min(1).max(200).optional().describe('Its model and its policy; stands alone'),
  model: z.strictObject({ name: slugSchema, version: versionSchema }).optional().describe('Absent: what scored then'),
  policyVersion: versionSchema.optional().describe('Of the machine’s family; absent: what decided then'),
  featureSet: z.strictObject({ name: slugSchema, version: versionSchema }).optional().describe('What the model must read; alone, where one model alone reads it, that one is meant'),
})
export type OtherVersionsInput = z.infer<typeof otherVersionsInput>

/** What is to judge instead of what judged then; null: as then. */
export interface OtherVersions { readonly model: OtherModel | null; readonly policy: Policy | null }

export interface OtherModel {
  readonly name: string
  readonly version: number
  readonly artifactKey: string
  readonly digest: string
  readonly set: MeasuringSet
  readonly calibrate: (score: number) => CalibratedScore
}
export interface MeasuringSet { readonly featureSetRef: number; readonly set: FeatureSet; readonly names: readonly string[]; readonly roles: { scalar: string[]; waveform: string[] } }

/**
 * Looks them up. Refuses (`invalid`) where none is named, or a release beside what it holds, (`not_found`) what the registry does
 * not have, and (`unprocessable`) what is another family's, a model that does not read the feature set, and a feature set that no
 * model or several read.
 */
export async function findOtherVersions(tx: Tx, family: string, asked: OtherVersionsInput): Promise<OtherVersions> {
  const { release, model, policyVersion: policy, featureSet } = asked
  if (release === undefined && model === undefined && policy === undefined && featureSet === undefined) {
    refuse('invalid', 'no other version is named; name a model, a policyVersion, a featureSet or a release (POST …/replay computes it again as it was)')
  }
  if (release !== undefined && (model !== undefined || policy !== undefined)) refuse('invalid', 'a release names its model and its policy; leave it out to name them one by one', { release })
  if (release !== undefined) return ofRelease(tx, family, release, featureSet)
  const found = model === undefined && featureSet === undefined ? null : await ofModel(tx, family, model, featureSet)
  return { model: found, policy: policy === undefined ? null : await policyVersion(tx, family, policy)
    ?? refuse('not_found', `family ${family} has no policy version ${policy}; GET /v1/policies?family=${family} lists those it has`, { family, policyVersion: policy }) }
}

async function ofRelease(tx: Tx, family: string, release: string, featureSet: OtherVersionsInput['featureSet']): Promise<OtherVersions> {
  const parts = await findRelease(tx, tx.site, { release }) ?? refuse('not_found', `site ${tx.site} has no release ${release}; GET /v1/releases lists those it has`, { release })
  if (parts.family !== family) refuse('unprocessable', `${release} judges machines of ${parts.family}, and this is one of ${family}; name a release of ${family}`, { release, family })
  const [{ model, policy }] = await releaseDefinitions(tx, [parts.releaseRef]) as [ReleaseDefinition]
  return { model: await ofModel(tx, family, { name: model.name, version: model.version }, featureSet), policy }
}

async function ofModel(tx: Tx, family: string, named: OtherVersionsInput['model'], featureSet: OtherVersionsInput['featureSet']): Promise<OtherModel> {
  const wanted = featureSet && (await findFeatureSet(tx, featureSet.name, featureSet.version)
    ?? refuse('not_found', `site ${tx.site} has no feature set ${featureSet.name}@${featureSet.version}; GET /v1/feature-sets lists those it has`, { featureSet }))
  const model = named === undefined ? await theOneReading(tx, family, wanted as NonNullable<typeof wanted>)
    : await findModelVersion(tx, named.name, named.version) ?? refuse('not_found', `site ${tx.site} has no version ${named.version} of model ${named.name}; GET /v1/models lists those it has`, { ...named })
  if (model.family !== family) refuse('unprocessable', `${model.name}@${model.version} is a model of ${model.family}, and this is a machine of ${family}; name a model of ${family}`, { model: model.name, family })
  const [set] = await featureSetDefinitions(tx, [model.featureSetRef])
  if (set === undefined) throw new Error(`the feature set of ${model.name}@${model.version} is gone`)
  if (wanted !== undefined && wanted.featureSetRef !== model.featureSetRef) {
    refuse('unprocessable', `${model.name}@${model.version} reads ${set.set.name}@${set.set.version}, not ${featureSet?.name}@${featureSet?.version}; leave the feature set out, or name a model that reads it`, { model: model.name })
  }
  return {
    name: model.name, version: model.version, artifactKey: model.artifactKey, digest: model.digest, set: measuring(set),
    calibrate: createCalibrator(calibrationSchema.parse(model.calibration)),
  }
}

async function theOneReading(tx: Tx, family: string, { featureSetRef, definition: { name, version } }: { featureSetRef: number; definition: FeatureSet }): Promise<StoredModelVersion> {
  const models = await modelVersionsReading(tx, family, featureSetRef)
  const [only] = models
  if (only !== undefined && models.length === 1) return only
  return refuse('unprocessable', only === undefined ? `no model of ${family} reads ${name}@${version}; train one on it first`
    : `several models of ${family} read ${name}@${version}: ${models.slice(0, 5).map((model) => `${model.name}@${model.version}`).join(', ')}; name one of them`, { featureSet: `${name}@${version}` })
}

export const measuring = ({ featureSetRef, set }: { featureSetRef: number; set: FeatureSet }): MeasuringSet =>
  ({ featureSetRef, set, names: set.features.map((feature) => feature.name), roles: featureSetRoles(set) })

/** Refuses (`unprocessable`) a policy that watches what a set does not measure: such a rule would stay silent, and look as if it had nothing to say. */
export function demandWatched(policy: Policy, sets: Iterable<MeasuringSet>): void {
  for (const { set, names } of sets) {
    const rule = policy.rules.find((each) => {
      const watched = watchedFeature(each)
      return watched !== undefined && !names.includes(watched)
    })
    if (rule !== undefined) {
      refuse('unprocessable', `rule ${rule.id} of ${policy.name} v${policy.version} watches ${rule.signal}, which ${set.name}@${set.version} does not measure; name a model that reads a feature set with it`, { rule: rule.id, signal: rule.signal })
    }
  }
}
