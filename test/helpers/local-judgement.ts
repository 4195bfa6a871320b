import assert from 'node:assert/strict'
import { fitAutoencoder } from '../../activities/models/fit-autoencoder.ts'
import { modelFromArtifact } from '../../activities/models/load-model.ts'
import { computeDueWindows } from '../../activities/windows/features.ts'
import type { KnownFeatureSet, KnownRelease } from '../../activities/windows/definitions.ts'
import { decideInOrder, scoreCases, type Verdict } from '../../activities/windows/judge.ts'
import type { LanePlan } from '../../activities/windows/lane-plan.ts'
import { createAssetJudge, type LocalScore } from '../../edge/judge/asset-judge.ts'
import type { TagReadings, TagWaveform } from '../../edge/judge/recent-readings.ts'
import { openBundle } from '../../registry/domain/bundle/open.ts'
import { featureSetRoles, featureSetSchema, type FeatureSetInput } from '../../registry/domain/features/feature-set.ts'
import { autoencoderToArtifact } from '../../registry/domain/models/autoencoder.ts'
import type { ModelArtifact } from '../../registry/domain/models/artifact.ts'
import { fitPcaModel, pcaToArtifact } from '../../registry/domain/models/pca-model.ts'
import { policySchema, type PolicyInput } from '../../registry/domain/policy/policy.ts'
import { firstDifference } from '../../registry/domain/replay/compare.ts'
import { createCalibrator, fitCalibration, type Calibration } from '../../registry/domain/scoring/calibration.ts'
import { endAtOrBefore, laneStart } from '../../registry/domain/windows/timing.ts'
import type { RoleTag } from '../../registry/domain/windows/window-readings.ts'
import type { FeatureWindow } from '../../registry/store/feature-windows.ts'
import { makeBundle, newSigner } from './bundles.ts'

/** One machine's readings of its whole time: each tag is called after its role. */
export interface Recorded { readonly scalars: ReadonlyMap<string, Omit<TagReadings, 'tag'>>; readonly waveforms: readonly (Omit<TagWaveform, 'tag'> & { readonly role: string })[] }

export interface Release { readonly artifact: ModelArtifact; readonly calibration: Calibration }

const ASSET = 'pump-1'
const signer = newSigner()
const tagOf = (role: string) => `${ASSET}/${role}`
const rolesOf = (set: FeatureSetInput) => {
  const { scalar, waveform } = featureSetRoles(featureSetSchema.parse(set))
  return [...scalar.map((role) => ({ role, kind: 'scalar' as const })), ...waveform.map((role) => ({ role, kind: 'waveform' as const }))]
}
const timesOf = ({ scalars, waveforms }: Recorded) => ({
  firstUs: Math.min(...[...scalars.values()].map(({ timesUs }) => timesUs[0] as number), ...waveforms.map(({ startUs }) => startUs)),
  lastUs: Math.max(...[...scalars.values()].map(({ timesUs }) => timesUs.at(-1) as number), ...waveforms.map(({ startUs }) => startUs)),
})

/** The platform's windows of a machine, by the platform's code. */
export async function platformWindows(set: FeatureSetInput, recorded: Recorded): Promise<FeatureWindow[]> {
  const parsed = featureSetSchema.parse(set)
  const tags = rolesOf(set).map(({ role, kind }, tagRef): RoleTag => ({ tagRef, tagKey: tagOf(role), role, kind, fromUs: -Infinity, toUs: Infinity }))
  const stored = { revision: 0, batchId: 1, commitNumber: 1, receivedUs: 1 }
  const known = {
    chunks: new Map(tags.map(({ tagRef, role }) => {
      const given = recorded.scalars.get(role)
      return [tagRef, given === undefined ? [] : [{ ...stored, ...given, raws: null, tagRef }]]
    })),
    waveforms: new Map(tags.map(({ tagRef, role }) => [tagRef, recorded.waveforms.filter((wave) => wave.role === role).map((wave) => ({ ...stored, ...wave, tagRef }))])),
  }
  const { firstUs, lastUs } = timesOf(recorded)
  const plan = {
    tags, set: knownSet(parsed), lane: { assetRef: 1, lane: 'live' },
    ranges: [{ commitNumber: 1, afterUs: laneStart(parsed, firstUs), throughUs: endAtOrBefore(parsed, lastUs) }],
  } as unknown as LanePlan
  return computeDueWindows(plan, known, new Map([[1, { commitNumber: 1, mode: 'live', traceId: '' }]]) as unknown as Parameters<typeof computeDueWindows>[2], async () => undefined)
}

const knownSet = (set: ReturnType<typeof featureSetSchema.parse>): KnownFeatureSet =>
  ({ featureSetRef: 1, digest: '', set, roles: featureSetRoles(set), featureNames: set.features.map(({ name }) => name) })

/** A baseline and an autoencoder fitted and calibrated on a machine's or a fleet's first windows. */
export async function fitReleases(set: FeatureSetInput, windows: readonly FeatureWindow[]): Promise<Release[]> {
  const names = featureSetSchema.parse(set).features.map(({ name }) => name)
  const rows = (some: readonly FeatureWindow[]) => Float64Array.from(some.flatMap(({ values }) => [...values]))
  const at = Math.floor(windows.length * 0.7)
  const train = rows(windows.slice(0, at))
  const held = rows(windows.slice(at))
  const artifacts = [pcaToArtifact(fitPcaModel(names, train)), autoencoderToArtifact(await fitAutoencoder(names, train, { epochs: 25 }))]
  return artifacts.map((artifact) => {
    const model = modelFromArtifact(artifact)
    const scores = model.scoreRows(held, windows.length - at).scores
    model.dispose()
    return { artifact, calibration: fitCalibration(scores.filter(Number.isFinite), { minRows: 20 }) }
  })
}

/** As the platform judges these windows: by TensorFlow where the kind needs it, many at once. */
async function platformVerdicts(set: FeatureSetInput, policy: PolicyInput, { artifact, calibration }: Release, windows: readonly FeatureWindow[]): Promise<Verdict[]> {
  const known = knownSet(featureSetSchema.parse(set))
  const model = modelFromArtifact(artifact)
  const release = { policy: policySchema.parse(policy), calibration, calibrate: createCalibrator(calibration) } as unknown as KnownRelease
  const verdicts = await scoreCases(windows.map((window) => ({ window, set: known, judges: [{ role: 'champion' as const, release, model }] })), async () => undefined)
  decideInOrder(verdicts, null)
  model.dispose()
  return verdicts
}

/** As a gateway judges: readings as they come, some at a time, window by window. */
function edgeScores(set: FeatureSetInput, policy: PolicyInput, { artifact, calibration }: Release, recorded: Recorded): LocalScore[] {
  const tags = rolesOf(set).map(({ role, kind }) => ({ asset: ASSET, tag: tagOf(role), role, kind, fromUs: null, toUs: null }))
  const bundle = openBundle(makeBundle(signer, { featureSet: set, policy, model: artifact, calibration, tags }), () => 'good')
  const judge = createAssetJudge({ bundle, asset: ASSET, node: process.version })
  const { firstUs, lastUs } = timesOf(recorded)
  const stepUs = bundle.manifest.featureSet.definition.hopUs * 0.37
  const scores: LocalScore[] = []
  const roles = new Set(rolesOf(set).map(({ role }) => role))
  const places = new Map([...recorded.scalars].filter(([role]) => roles.has(role)).map(([role]) => [role, 0]))
  const waves = recorded.waveforms.filter(({ role }) => roles.has(role)).sort((a, b) => a.startUs - b.startUs)
  let wave = 0
  for (let throughUs = firstUs; throughUs < lastUs + stepUs; throughUs += stepUs) {
    const readings = [...places].map(([role, from]): TagReadings => {
      const { timesUs, values, quality } = recorded.scalars.get(role) as Omit<TagReadings, 'tag'>
      let to = from
      while (to < timesUs.length && (timesUs[to] as number) <= throughUs) to++
      places.set(role, to)
      return { tag: tagOf(role), timesUs: timesUs.subarray(from, to), values: values.subarray(from, to), quality: quality?.subarray(from, to) ?? null }
    })
    const recordings: TagWaveform[] = []
    for (; wave < waves.length && (waves[wave] as { startUs: number }).startUs <= throughUs; wave++) {
      const { role, ...rest } = waves[wave] as (typeof waves)[number]
      recordings.push({ ...rest, tag: tagOf(role) })
    }
    judge.take(readings, recordings)
    scores.push(...judge.closeThrough(Math.min(throughUs, lastUs)))
  }
  return scores
}

export interface Agreement { readonly windows: number; readonly fired: number; readonly transitions: number; readonly largestRelative: number; readonly exact: boolean }

/** Holds a gateway's judgement of every window against the platform's, by the class that the gateway states; says what was compared. */
export async function agree(set: FeatureSetInput, policy: PolicyInput, release: Release, recorded: Recorded, windows: readonly FeatureWindow[]): Promise<Agreement> {
  const platform = await platformVerdicts(set, policy, release, windows)
  const edge = edgeScores(set, policy, release, recorded)
  assert.deepEqual(edge.map(({ window }) => window.endUs), platform.map(({ window }) => window.endUs))
  const names = featureSetSchema.parse(set).features.map(({ name }) => name)
  let largestRelative = 0
  platform.forEach((verdict, i) => {
    const local = edge[i] as LocalScore
    const stored = { features: verdict.window.values, score: verdict.score, confidence: verdict.confidence, decision: verdict.decision }
    const difference = firstDifference(names, stored, local, local.replay.class === 'exact' ? null : local.replay.tolerance)
    assert.equal(difference, null, `window ${local.window.endUs}: ${JSON.stringify(difference)}`)
    assert.deepEqual([...local.features], [...verdict.window.values], 'features are the same bits, whatever the class')
    if (Number.isFinite(verdict.score) && verdict.score !== 0) largestRelative = Math.max(largestRelative, Math.abs(local.score - verdict.score) / verdict.score)
  })
  return {
    windows: edge.length, fired: edge.filter(({ decision }) => decision?.severity !== null).length, largestRelative,
    transitions: edge.reduce((sum, { decision }) => sum + (decision?.rules.filter(({ transition }) => transition !== undefined).length ?? 0), 0),
    exact: edge.every(({ replay }) => replay.class === 'exact'),
  }
}
