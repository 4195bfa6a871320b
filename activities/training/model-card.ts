import type { DatasetManifest } from '../../registry/artifacts/dataset.ts'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import type { ModelKind } from '../../registry/domain/models/model.ts'
import type { Runtime } from '../models/runtime.ts'
import type { Choice } from './choose.ts'
import type { ModelEvaluation } from './evaluate.ts'
import { BEFORE_FAILURE_US } from './snapshot-dataset.ts'

export interface CardFacts {
  readonly kind: ModelKind
  readonly digest: string
  readonly reason: string
  readonly manifest: DatasetManifest
  readonly evaluation: ModelEvaluation
  readonly calibrationRows: number
  readonly choice: Choice
  readonly fit: Readonly<Record<string, unknown>>
  readonly runtime: Runtime
  readonly tolerance: { readonly relative: number; readonly absolute: number }
}

const TITLES: Record<ModelKind, string> = {
  pca: 'PCA with T² and Q (baseline)',
  autoencoder: 'dense autoencoder',
}

/** What the model is for, on what data it stands, how good it is beside models that know nothing, and where it ends. */
export function modelCard(facts: CardFacts): string {
  const { kind, digest, reason, manifest, evaluation, calibrationRows, choice, fit, runtime, tolerance } = facts
  return `# ${manifest.family}: ${TITLES[kind]}

Artifact \`${digest}\`. Trained because: ${oneLine(reason)}.

## For what
It scores how unlike normal operation a window of an asset of family **${manifest.family}** is. It names no failure mode and predicts no date;
rules of a policy turn its confidence into decisions.

## Data
- ${sitesText(manifest)}, ${manifest.assets.length} asset(s): ${manifest.assets.slice(0, 20).join(', ')}${manifest.assets.length > 20 ? ', …' : ''}
- Event time ${microsToIso(manifest.fromUs)} to ${microsToIso(manifest.toUs)}, as known at ${commitsText(manifest)}
- Feature set ${manifest.featureSet.name} v${manifest.featureSet.version} (${manifest.statistics.length} features, \`${manifest.featureSet.digest.slice(0, 12)}\`)
- Dataset \`${manifest.digest.slice(0, 12)}\`: ${manifest.rowCount} windows; normal ones by part, in time order for each asset: ${partsText(manifest)}
- Left out as not normal: ${excludedText(manifest)}; the ${BEFORE_FAILURE_US / 3_600_000_000} h before a recorded failure count with it

## How good
Windows that neither fit nor calibration saw (${evaluation.normalRows} normal, ${evaluation.faultyRows} faulty), flagged from confidence ${evaluation.flagConfidence} on:

| detector | F1 | false-alarm rate | missed-alarm rate |
|---|---|---|---|
${[evaluation.windows.model, ...evaluation.windows.nullModels].map((r) => `| ${r.name} | ${rate(r.f1)} | ${rate(r.far)} | ${rate(r.mar)} |`).join('\n')}

${leadText(evaluation)}
Chosen for the release: **${choice.chosen}**. ${choice.because}.

## Limits
- Calibrated on ${calibrationRows} held-out normal windows: beyond ${calibrationRows} to 1 a confidence is an extrapolation.
- It knows the operating states in its data and no others: a new product, season or speed will look unlike normal.
- Missing features count as their training mean and add nothing to an autoencoder's score; a window without any value has no score.
${evaluation.faultyRows === 0 ? '- No faulty windows were known: how well it detects faults is untested.\n' : ''}
## Replay
To the bit on runtime \`${runtime.digest.slice(0, 12)}\` (Node ${runtime.facts.node}, ${runtime.facts.cpu.model}, tfjs-node ${runtime.facts.tensorflow.tfjsNode}); on others within
${tolerance.relative} of the score (or ${tolerance.absolute}).

Fit: \`${JSON.stringify(fit)}\`
`
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()
const rate = (value: number | null): string => (value === null ? '–' : value.toFixed(4))

const sitesText = ({ site, sites }: DatasetManifest): string => (sites === undefined ? `Site ${site}` : `Sites ${sites.map((each) => each.site).join(', ')}`)

const commitsText = ({ commitNumber, sites }: DatasetManifest): string =>
  (sites === undefined ? `commit ${commitNumber}` : sites.map((each) => `commit ${each.commitNumber} of ${each.site}`).join(', '))

function partsText({ parts }: DatasetManifest): string {
  return `${parts.train ?? 0} training, ${parts.calibration ?? 0} calibration, ${parts.test ?? 0} test, ${parts.gap ?? 0} between parts and unused`
}

function excludedText({ excluded, labelVersion }: DatasetManifest): string {
  const reasons = Object.entries(excluded).map(([reason, count]) => `${count} (${reason})`)
  return `${reasons.length === 0 ? 'none' : reasons.join(', ')}; labels \`${labelVersion.slice(0, 12)}\``
}

function leadText({ leadTime }: ModelEvaluation): string {
  if (leadTime === null) return 'No failure was recorded in the test period, so there is no lead time to state.\n'
  const lead = leadTime.leadHours === null ? '' : ` Lead in hours: median ${leadTime.leadHours.median.toFixed(1)}, least ${leadTime.leadHours.min.toFixed(1)}.`
  return `Failures in the test period: ${leadTime.failures}; caught ${leadTime.caught}, late ${leadTime.late}, missed ${leadTime.missed}. `
    + `False alerts per asset and month: ${leadTime.falsePerAssetMonth === null ? '–' : leadTime.falsePerAssetMonth.toFixed(2)}.${lead}\n`
}
