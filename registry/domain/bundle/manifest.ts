import { z } from 'zod'
import { canonicalDigest } from '../canonical.ts'
import { microsSchema, sha256Schema, slugSchema, tagKeySchema } from '../contract/primitives.ts'
import { featureSetSchema } from '../features/feature-set.ts'
import { policySchema } from '../policy/policy.ts'
import { calibrationSchema } from '../scoring/calibration.ts'

/** A tag in a role of its machine: sensors are swapped and moved, and what a model sees is the role. */
const bundleTagSchema = z.object({
  asset: slugSchema,
  tag: tagKeySchema,
  role: slugSchema,
  kind: z.enum(['scalar', 'waveform']),
  /** [fromUs, toUs), null where open. */
  fromUs: microsSchema.nullable(),
  toUs: microsSchema.nullable(),
})
export type BundleTag = z.infer<typeof bundleTagSchema>

/**
 * What a bundle says of itself, beside the model's bytes. Fields are added and never change their meaning; a reader
 * passes over those it does not know, but not over anything within a feature set, a calibration or a policy: what it
 * cannot carry out it must not take.
 */
export const bundleManifestSchema = z.object({
  site: slugSchema,
  /** Machines it judges, ascending. */
  assets: z.array(slugSchema).min(1).max(500),
  /** Of two bundles for a machine the one issued later counts; the number is that of the platform's audit entry. */
  issue: z.object({ number: z.int().min(1), atUs: microsSchema, by: z.string().min(1).max(200) }),
  release: z.object({ id: z.string().min(1).max(100), family: slugSchema, digest: sha256Schema }),
  model: z.object({ name: slugSchema, version: z.int().min(1), kind: z.string(), digest: sha256Schema }),
  featureSet: z.object({ digest: sha256Schema, definition: featureSetSchema }),
  calibration: z.object({ digest: sha256Schema, state: calibrationSchema }),
  policy: z.object({ digest: sha256Schema, definition: policySchema }),
  /** How far a score computed elsewhere may be from the platform's, as the model was registered. */
  tolerance: z.object({ relative: z.number().nonnegative(), absolute: z.number().nonnegative() }),
  /** Node's version on the platform that issued it: one half of what decides a score's last bits. */
  node: z.string().max(50),
  tags: z.array(bundleTagSchema).max(20_000),
})
export type BundleManifest = z.infer<typeof bundleManifestSchema>

/** Digests of what a release binds. */
export interface ReleaseParts {
  readonly family: string
  readonly model: { readonly name: string; readonly version: number; readonly digest: string }
  readonly featureSet: string | null
  readonly calibration: string
  readonly policy: string
}

/** What names a release: the same parts are the same release, wherever it is looked at. */
export const releaseDigest = ({ family, model: { name, version, digest }, featureSet, calibration, policy }: ReleaseParts): string =>
  canonicalDigest({ family, model: { name, version, digest }, featureSet, calibration, policy })
