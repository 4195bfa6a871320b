/**
 * What judging at the edge costs: features and score of one window on the box, for 64 machines of one gateway, in a
 * process bundled as a gateway is deployed. `--json`: one object as the last line. Ends with 1 when it misses its aims.
 */
import { fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createEd25519Signer } from '../../registry/artifacts/ed25519.ts'
import { bundleManifestSchema, releaseDigest } from '../../registry/domain/bundle/manifest.ts'
import { sealBundle } from '../../registry/domain/bundle/seal.ts'
import { canonicalDigest } from '../../registry/domain/canonical.ts'
import { featureSetDigest, featureSetSchema } from '../../registry/domain/features/feature-set.ts'
import { encodeModelArtifact, modelArtifactDigest } from '../../registry/domain/models/artifact.ts'
import { autoencoderToArtifact, type DenseLayer } from '../../registry/domain/models/autoencoder.ts'
import { policyDigest, policySchema } from '../../registry/domain/policy/policy.ts'
import { fitCalibration } from '../../registry/domain/scoring/calibration.ts'
import { bundleEdge } from '../build/edge-bundle.ts'
import { endWithParent } from '../node-child.ts'
import type { BoxFigures, BoxTask } from './edge-score-box.ts'

const SECOND = 1_000_000
const MACHINES = 64
const ROLES = 10
/** A minute of readings at 1 Hz, judged anew every second: ten tags, forty features, the widest network that is trained. */
const WINDOW_S = 60
const AIM = { p99Ms: 10, coreShare: 0.5 } as const

/** A release as training makes them, with weights of no meaning: the arithmetic is the same. */
function benchBundle(): Uint8Array {
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
  const assets = Array.from({ length: MACHINES }, (_, i) => `pump-${String(i + 1).padStart(3, '0')}`)
  const digests = { model: { name: 'bench', version: 1, digest: modelArtifactDigest(model) }, featureSet: featureSetDigest(featureSet), calibration: canonicalDigest(calibration), policy: policyDigest(policy) }
  const manifest = bundleManifestSchema.parse({
    site: 'bench', assets, issue: { number: 1, atUs: 0, by: 'bench' }, release: { id: 'bench-r1', family: 'bench', digest: releaseDigest({ family: 'bench', ...digests }) },
    model: { ...digests.model, kind: 'autoencoder' }, featureSet: { digest: digests.featureSet, definition: featureSet }, calibration: { digest: digests.calibration, state: calibration },
    policy: { digest: digests.policy, definition: policy }, tolerance: { relative: 1e-3, absolute: 1e-9 }, node: process.version,
    tags: assets.flatMap((asset) => roles.map((role) => ({ asset, tag: `${asset}/${role.replace('_', '-')}`, role, kind: 'scalar', fromUs: null, toUs: null }))),
  })
  return sealBundle(createEd25519Signer(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()), manifest, model)
}

export async function benchEdgeScore(): Promise<BoxFigures> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-bench-edge-score-'))
  try {
    const task: BoxTask = { bundle: path.join(directory, 'release.twb'), machines: MACHINES, pacedSeconds: 20, fastWindows: 20_000, readingsPerWindow: WINDOW_S }
    writeFileSync(task.bundle, benchBundle())
    const deployed = path.join(directory, 'deployed')
    await bundleEdge(deployed, 'bench', 'infra/bench/edge-score-box.ts')
    const child = fork(path.join(deployed, 'twinward-edge.mjs'), [JSON.stringify(task)], { execArgv: endWithParent })
    return await new Promise<BoxFigures>((resolve, reject) => {
      child.on('message', (figures) => { resolve(figures as BoxFigures) })
      child.once('error', reject)
      child.once('exit', (code, signal) => { reject(new Error(`the box ended before its work was done (${signal ?? code ?? 'no code'})`)) })
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === import.meta.filename) {
  const figures = await benchEdgeScore()
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(figures)}\n`)
  else for (const [name, value] of Object.entries(figures)) process.stdout.write(`${name.padEnd(16)} ${(value as number).toLocaleString('en')}\n`)
  const missed = (Object.keys(AIM) as (keyof typeof AIM)[]).filter((key) => !(figures[key] < AIM[key]))
  if (missed.length > 0) {
    process.stderr.write(`${missed.map((key) => `${key} is ${figures[key]}, and should be under ${AIM[key]}`).join('; ')}.\n`)
    process.exitCode = 1
  }
}
