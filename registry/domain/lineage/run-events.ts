import { microsToIso } from '../contract/time.ts'
import type { AlertFacts, ArrivalFacts, BatchFacts, DatasetFacts, JudgingFacts, ScoringFacts, TrainingFacts, Version } from './facts.ts'
import { dataset, eventsOf, facets, ownFacet, runIdOf, type Facets, type InputDataset, type OutputDataset, type RunEvent, type RunOfJob } from './run-event.ts'

/**
 * What the platform does, as runs of jobs: gateways' batches become readings (`ingest/…`), windows become models
 * (`train/…`), readings become scores and alerts (`judge/…`, as long as a release is in force; `score/…`, one window of a
 * machine), alerts become work orders and outcomes (`answer/…`). Datasets have few, lasting names, so that a catalogue draws
 * one picture of a plant; which batches, windows or versions it was, their facets say.
 */

/** More batches than this are only counted. */
export const NAMED_BATCHES = 40

const identity = (digest: string, more: Readonly<Record<string, unknown>> = {}): Facets => ownFacet('Dataset', 'identity', { digest, ...more })
const model = (site: string, { name, version, digest }: Version): OutputDataset => dataset(site, `model/${name}`, { ...facets.version(String(version)), ...identity(digest) })
const featureSet = (site: string, { name, version, digest }: Version): InputDataset => dataset(site, `feature-set/${name}`, { ...facets.version(String(version)), ...identity(digest) })
const policy = (site: string, family: string, { version, digest }: { version: number; digest: string }): InputDataset =>
  dataset(site, `policy/${family}`, { ...facets.version(String(version)), ...identity(digest) })
const snapshot = (site: string, family: string, { id, digest }: DatasetFacts): { namespace: string; name: string; facets: Facets } =>
  dataset(site, `dataset/${family}`, { ...facets.version(digest), ...identity(digest, { dataset: id }) })
const asOfCommit = (commitNumber: number | null): Facets => (commitNumber === null ? {} : facets.version(String(commitNumber)))

/** The start is told as it was known then, so that it is the same whenever it is told. */
export function trainingEvents(run: TrainingFacts): RunEvent[] {
  const begun = trainingRun({ ...run, end: null, dataset: null, models: [], sites: run.sites.map(({ site }) => ({ site, commitNumber: null })) })
  return [...eventsOf(begun), ...(run.end === null ? [] : eventsOf(trainingRun(run)).slice(1))]
}

function trainingRun(run: TrainingFacts): RunOfJob {
  const { site, family, end } = run
  const type = { succeeded: 'COMPLETE', failed: 'FAIL', cancelled: 'ABORT' } as const
  return {
    runId: runIdOf(site, 'train', run.operation), site, job: `train/${family}`, kind: 'TRAINING', processing: 'BATCH',
    description: `Learns models of family ${family} from the windows of its machines.`,
    facets: { ...(run.fromUs !== null && facets.nominalTime(run.fromUs, run.toUs)), ...ownFacet('Run', 'request', { operation: run.operation, reason: run.reason, requestedBy: run.requestedBy }) },
    startUs: run.startUs,
    end: end && { type: type[end.state], atUs: end.atUs, ...(end.error !== null && { facets: facets.errorMessage(end.error) }) },
    inputs: run.sites.map((each) => dataset(each.site, `windows/${family}`, asOfCommit(each.commitNumber))),
    outputs: [
      ...(run.dataset ? [{ ...snapshot(site, family, run.dataset), outputFacets: facets.outputStatistics(run.dataset.rows) }] : []),
      ...run.models.map((each) => model(site, each)),
    ],
  }
}

export function arrivalEvents({ site, family, model: made, by, atUs, dataset: learned, copiedFrom, run }: ArrivalFacts): RunEvent[] {
  return eventsOf({
    runId: runIdOf(site, 'register', `${run}/${made.name}/${made.version}`), site, job: `register/${made.name}`, kind: 'REGISTRATION', processing: 'BATCH',
    description: copiedFrom ? `Takes model ${made.name} over from another site.` : `Registers versions of model ${made.name} that were made elsewhere.`,
    facets: ownFacet('Run', 'request', { run, requestedBy: by }), startUs: atUs, end: { type: 'COMPLETE', atUs },
    inputs: [
      copiedFrom ? dataset(copiedFrom.site, `model/${copiedFrom.name}`, { ...facets.version(String(copiedFrom.version)), ...identity(made.digest) }) : snapshot(site, family, learned),
    ],
    outputs: [model(site, made)],
  })
}

function judgingRun(run: JudgingFacts): RunOfJob {
  const { site, family, role, scope } = run
  return {
    runId: runIdOf(site, 'judge', run.assignment), site, kind: 'SCORING', processing: 'STREAMING',
    job: `judge/${family}/${role}${scope.kind === 'family' ? '' : `/${scope.kind}/${scope.id}`}`,
    description: `Scores the windows of ${scope.kind} ${scope.id} as ${role}${role === 'champion' ? ', and decides about alerts' : ''}, as long as the release is in force.`,
    facets: ownFacet('Run', 'assignment', {
      assignment: run.assignment, release: run.release.id, releaseDigest: run.release.digest, reason: run.reason, assignedBy: run.assignedBy, gate: run.gate,
      decisions: run.decisions.map(({ atUs, ...decision }) => ({ ...decision, at: microsToIso(atUs) })),
    }),
    startUs: run.startUs, end: run.endUs === null ? null : { type: 'COMPLETE', atUs: run.endUs },
    inputs: [dataset(site, `readings/${family}`), model(site, run.model), featureSet(site, run.featureSet), policy(site, family, run.policy)],
    outputs: [dataset(site, `windows/${family}`), dataset(site, `scores/${family}`), ...(role === 'champion' ? [dataset(site, `alerts/${family}`)] : [])],
  }
}
export const judgingEvents = (run: JudgingFacts): RunEvent[] => eventsOf(judgingRun(run))

/** Of one scored window: the batches that brought its readings, what judged it, and what people made of it. */
export function scoringEvents(run: ScoringFacts): RunEvent[] {
  return [...ingestEvents(run), ...(run.judging ? judgingEvents(run.judging) : []), ...scoredEvents(run), ...run.alerts.flatMap((alert) => answerEvents(run, alert))]
}

function ingestEvents({ site, family, batches }: ScoringFacts): RunEvent[] {
  const gateways = [...new Set(batches.map(({ gateway }) => gateway))].sort()
  return gateways.flatMap((gateway) => {
    const own = batches.filter((batch) => batch.gateway === gateway)
    return eventsOf({
      runId: runIdOf(site, 'ingest', own.map(({ gateway: _, epoch, sequence }) => `${gateway}/${epoch}/${sequence}`).join(' ')), site, job: `ingest/${gateway}`, kind: 'INGEST', processing: 'BATCH',
      description: `Stores what gateway ${gateway} sends.`, facets: {},
      startUs: Math.min(...own.map(({ receivedUs }) => receivedUs)), end: { type: 'COMPLETE', atUs: Math.max(...own.map(({ committedUs }) => committedUs)) },
      inputs: [{ ...dataset(site, `batches/${gateway}`), inputFacets: ownFacet('InputDataset', 'batches', { count: own.length, named: own.slice(0, NAMED_BATCHES).map(named) }) }],
      outputs: [dataset(site, `readings/${family}`)],
    })
  })
}

const named = ({ epoch, sequence, digest, objectKey, commitNumber, receivedUs }: BatchFacts): Readonly<Record<string, unknown>> =>
  ({ epoch, sequence, digest, object: objectKey, commitNumber, receivedAt: microsToIso(receivedUs) })

function scoredEvents(run: ScoringFacts): RunEvent[] {
  const { site, asset, family, score, window } = run
  return eventsOf({
    runId: runIdOf(site, 'score', score.id), site, job: `score/${asset}`, kind: 'SCORING', processing: 'BATCH', description: `Scores the windows of ${asset}.`,
    facets: {
      ...facets.nominalTime(window.startUs, window.endUs), ...(run.judging && facets.parent(judgingRun(run.judging))),
      ...ownFacet('Run', 'score', { score: score.id, value: score.score, confidence: score.confidence, severity: score.severity, revision: window.revision, rescore: run.rescore }),
    },
    startUs: score.atUs, end: { type: 'COMPLETE', atUs: score.atUs },
    inputs: [
      { ...dataset(site, `readings/${family}`, asOfCommit(window.commitNumber)), inputFacets: ownFacet('InputDataset', 'tags', { tags: run.tags }) },
      model(site, run.model), featureSet(site, run.featureSet), policy(site, family, run.policy),
    ],
    outputs: [
      dataset(site, `scores/${family}`), ...(run.alerts.length > 0 ? [dataset(site, `alerts/${family}`)] : []),
    ],
  })
}

function answerEvents({ site, family }: ScoringFacts, { alert, rule, severity, startUs, endUs, workOrder, outcomes }: AlertFacts): RunEvent[] {
  return eventsOf({
    runId: runIdOf(site, 'alert', alert), site, job: `answer/${family}`, kind: 'ALERT', processing: 'BATCH', description: `Alerts of family ${family}, until they are closed.`,
    facets: ownFacet('Run', 'alert', { alert, rule, severity }), startUs, end: endUs === null ? null : { type: 'COMPLETE', atUs: endUs },
    inputs: [dataset(site, `alerts/${family}`)],
    outputs: [
      ...(workOrder ? [{ ...dataset(site, `work-orders/${family}`), outputFacets: ownFacet('OutputDataset', 'workOrder', workOrder) }] : []),
      ...(outcomes.length > 0 ? [{
        ...dataset(site, `outcomes/${family}`),
        outputFacets: ownFacet('OutputDataset', 'outcomes', { outcomes: outcomes.map(({ atUs, ...outcome }) => ({ ...outcome, at: microsToIso(atUs) })) }),
      }] : []),
    ],
  })
}
