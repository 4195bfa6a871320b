import { generateKeyPairSync } from 'node:crypto'
import { createEd25519Signer } from '../../registry/artifacts/ed25519.ts'
import { bundleManifestSchema, releaseDigest } from '../../registry/domain/bundle/manifest.ts'
import { sealBundle } from '../../registry/domain/bundle/seal.ts'
import { canonicalDigest } from '../../registry/domain/canonical.ts'
import { featureSetDigest, featureSetSchema } from '../../registry/domain/features/feature-set.ts'
import { encodeModelArtifact, modelArtifactDigest } from '../../registry/domain/models/artifact.ts'
import { autoencoderToArtifact, type DenseLayer } from '../../registry/domain/models/autoencoder.ts'
import { policyDigest, policySchema } from '../../registry/domain/policy/policy.ts'
import { fitCalibration } from '../../registry/domain/scoring/calibration.ts'

const SECOND = 1_000_000
const ROLES = 10
/** A minute of readings at 1 Hz, judged anew every second: ten tags, forty features, the widest network that is trained. */
export const WINDOW_S = 60

export interface BenchRelease {
  readonly site: string
  readonly assets: readonly string[]
  /** Of a machine the tag in each of the ten roles, from 0. */
  readonly tagOf: (asset: string, role: number) => string
}

/** A signed release as training makes them, with weights of no meaning: the arithmetic is the same. */
export function benchBundle({ site, assets, tagOf }: BenchRelease): { readonly bytes: Uint8Array; readonly publicKey: string } {
  const roles = Array.from({ length: ROLES }, (_, i) => `role_${i}`)
  const featureSet = featureSetSchema.parse({
    name: 'bench', version: 1, windowUs: WINDOW_S * SECOND, hopUs: SECOND,
    features: roles.flatMap((role) => (['mean', 'std', 'kurtosis', 'slope'] as const).map((kind) => ({ name: `${role}-${kind}`, role, kind }))),
  })
  const names = featureSet.features.map(({ name }) => name)
  const sizes = [names.length, 32, 8, 32, names.length]
  const layers = sizes.slice(1).map((outputs, at): DenseLayer => {
    const inputs = sizes[at] as number
    const values = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + at) / Math.sqrt(inputs))
    return { inputs, outputs, weights: values(inputs * outputs), bias: values(outputs) }
  })
  const model = encodeModelArtifact(autoencoderToArtifact({
    kind: 'autoencoder', inputClip: 10, layers, training: { seed: 1, epochs: 1, bestEpoch: 1, heldOutLoss: 1 },
    standardiser: { features: names, means: names.map(() => 20), scales: names.map(() => 2), constant: [], rows: 1000 },
  }))
  const policy = policySchema.parse({
    name: 'bench', version: 1, rules: [{ id: 'anomaly', signal: 'confidence', comparison: 'above', raiseAt: 0.99, clearAt: 0.9, onDelayUs: 30 * SECOND, severity: 'high', recommendedAction: 'Look.' }],
    routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 60 },
  })
  const calibration = fitCalibration(Array.from({ length: 500 }, (_, i) => 1 + Math.abs(Math.sin(i * 78.233)) * 20))
  const digests = { model: { name: 'bench', version: 1, digest: modelArtifactDigest(model) }, featureSet: featureSetDigest(featureSet), calibration: canonicalDigest(calibration), policy: policyDigest(policy) }
  const manifest = bundleManifestSchema.parse({
    site, assets: [...assets], issue: { number: 1, atUs: 0, by: 'bench' }, release: { id: 'bench-r1', family: 'bench', digest: releaseDigest({ family: 'bench', ...digests }) },
    model: { ...digests.model, kind: 'autoencoder' }, featureSet: { digest: digests.featureSet, definition: featureSet }, calibration: { digest: digests.calibration, state: calibration },
    policy: { digest: digests.policy, definition: policy }, tolerance: { relative: 1e-3, absolute: 1e-9 }, node: process.version,
    tags: assets.flatMap((asset) => roles.map((role, i) => ({ asset, tag: tagOf(asset, i), role, kind: 'scalar', fromUs: null, toUs: null }))),
  })
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { bytes: sealBundle(createEd25519Signer(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()), manifest, model), publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
}
