import { generateKeyPairSync } from 'node:crypto'
import { createEd25519Signer, type Ed25519Signer } from '../../registry/artifacts/ed25519.ts'
import { bundleManifestSchema, releaseDigest, type BundleManifest } from '../../registry/domain/bundle/manifest.ts'
import { sealBundle } from '../../registry/domain/bundle/seal.ts'
import { canonicalDigest } from '../../registry/domain/canonical.ts'
import { featureSetDigest, featureSetSchema, type FeatureSetInput } from '../../registry/domain/features/feature-set.ts'
import { encodeModelArtifact, modelArtifactDigest, type ModelArtifact } from '../../registry/domain/models/artifact.ts'
import { fitPcaModel, createPcaModel, pcaToArtifact } from '../../registry/domain/models/pca-model.ts'
import { policyDigest, policySchema, type PolicyInput } from '../../registry/domain/policy/policy.ts'
import { fitCalibration, type Calibration } from '../../registry/domain/scoring/calibration.ts'

const MINUTE = 60_000_000

export const newSigner = (): Ed25519Signer => createEd25519Signer(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())

export const bundleFeatureSet: FeatureSetInput = {
  name: 'small', version: 1, windowUs: MINUTE, hopUs: MINUTE / 2,
  features: [
    { name: 'temp-mean', role: 'temp', kind: 'mean' }, { name: 'temp-std', role: 'temp', kind: 'std' }, { name: 'flow-mean', role: 'flow', kind: 'mean' },
  ],
}
export const bundlePolicy: PolicyInput = {
  name: 'small', version: 1,
  rules: [{ id: 'anomaly', signal: 'confidence', comparison: 'above', raiseAt: 0.99, clearAt: 0.9, severity: 'high', recommendedAction: 'Look.' }],
  routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 60 },
}

export interface BundleParts {
  readonly assets?: readonly string[]
  readonly issue?: number
  readonly site?: string
  readonly node?: string
  readonly featureSet?: FeatureSetInput
  readonly policy?: PolicyInput
  readonly model?: ModelArtifact
  readonly calibration?: Calibration
  readonly tags?: BundleManifest['tags']
  /** The last word, past what fits together. */
  readonly change?: (manifest: BundleManifest) => BundleManifest
}

const smallModel = () => {
  const names = featureSetSchema.parse(bundleFeatureSet).features.map(({ name }) => name)
  // Means about 20 with a spread of a tenth, a standard deviation about 0.7: what a sine about 20 gives.
  const rows = Float64Array.from({ length: 200 * names.length }, (_, i) => (i % names.length === 1 ? 0.7 : 20) + 0.1 * (Math.sin(i * 12.9898) + Math.cos(i * 78.233)))
  const fitted = fitPcaModel(names, rows)
  return { artifact: pcaToArtifact(fitted), calibration: fitCalibration(createPcaModel(fitted).scoreRows(rows, 200).scores) }
}
let small: ReturnType<typeof smallModel> | undefined

/** A release made for tests, and its parts as they go into a bundle. */
export function bundleContents(parts: BundleParts = {}): { manifest: BundleManifest; model: Uint8Array } {
  small ??= smallModel()
  const assets = parts.assets ?? ['pump-1']
  const featureSet = featureSetSchema.parse(parts.featureSet ?? bundleFeatureSet)
  const policy = policySchema.parse(parts.policy ?? bundlePolicy)
  const calibration = parts.calibration ?? small.calibration
  const artifact = parts.model ?? small.artifact
  const model = encodeModelArtifact(artifact)
  const digests = {
    model: { name: 'small', version: 1, digest: modelArtifactDigest(model) }, featureSet: featureSetDigest(featureSet), calibration: canonicalDigest(calibration), policy: policyDigest(policy),
  }
  const manifest = bundleManifestSchema.parse({
    site: parts.site ?? 'hamburg', assets, issue: { number: parts.issue ?? 1, atUs: 1_772_366_400_000_000, by: 'mia' },
    release: { id: 'small-r1', family: 'small', digest: releaseDigest({ family: 'small', ...digests }) },
    model: { ...digests.model, kind: artifact.kind }, featureSet: { digest: digests.featureSet, definition: featureSet },
    calibration: { digest: digests.calibration, state: calibration }, policy: { digest: digests.policy, definition: policy },
    tolerance: { relative: 1e-3, absolute: 1e-9 }, node: parts.node ?? process.version,
    tags: parts.tags ?? assets.flatMap((asset) => ['temp', 'flow'].map((role) => ({ asset, tag: `${asset}/${role}`, role, kind: 'scalar', fromUs: null, toUs: null }))),
  })
  return { manifest: parts.change?.(manifest) ?? manifest, model }
}

export function makeBundle(signer: Ed25519Signer, parts: BundleParts = {}): Uint8Array {
  const { manifest, model } = bundleContents(parts)
  return sealBundle(signer, manifest, model)
}
