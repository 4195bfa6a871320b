import { demand, type Actor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { arrivalEvents, judgingEvents, scoringEvents, trainingEvents } from '../../domain/lineage/run-events.ts'
import type { RunEvent } from '../../domain/lineage/run-event.ts'
import type { Decision } from '../../domain/policy/decide.ts'
import { judgingFacts, modelOriginFacts, trainingFacts } from '../../store/lineage-runs.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { readLineageRecord } from './lineage-record.ts'

export type LineageEventsInput = { readonly site: string } & (
  | { readonly alert: string } | { readonly score: string }
  | { readonly model: { readonly name: string; readonly version: number } }
  | { readonly operation: string }
)

/** Of a model version no more than so many assignments are told, the newest. */
const ASSIGNMENTS = 100

/**
 * The lineage of a decision (an alert or a score), of a model version, or of a training run, as OpenLineage run events: what
 * came before stands before. Told again they are the same runs. Refuses (`not_found`) what the site does not have.
 */
export async function readLineageEvents(ctx: ServiceContext, actor: Actor, input: LineageEventsInput): Promise<RunEvent[]> {
  const { site } = input
  demand(actor, 'read', site)
  return inSite(ctx.pool, site, async (tx) => {
    if ('operation' in input) {
      const run = await trainingFacts(tx, site, input.operation)
      return run ? trainingEvents(run) : refuse('not_found', `site ${site} has no training run ${input.operation}; GET /v1/operations?kind=retrain-model lists them`, { operation: input.operation })
    }
    if ('model' in input) return eventsOfModel(tx, site, input.model)
    return eventsOfDecision(tx, site, input)
  })
}

async function eventsOfModel(tx: Tx, site: string, { name, version }: { name: string; version: number }): Promise<RunEvent[]> {
  const found = await modelOriginFacts(tx, site, name, version)
    ?? refuse('not_found', `site ${site} has no version ${version} of model ${name}; GET /v1/models lists them`, { name, version })
  const judging = await judgingFacts(tx, site, { modelVersionRef: found.modelVersionRef, limit: ASSIGNMENTS })
  return [...await originEvents(tx, site, found), ...judging.flatMap(judgingEvents)]
}

async function originEvents(tx: Tx, site: string, { run, arrival }: NonNullable<Awaited<ReturnType<typeof modelOriginFacts>>>): Promise<RunEvent[]> {
  const training = arrival.copiedFrom === null ? await trainingFacts(tx, site, run) : undefined
  return training ? trainingEvents(training) : arrivalEvents(arrival)
}

async function eventsOfDecision(tx: Tx, site: string, input: { readonly alert: string } | { readonly score: string }): Promise<RunEvent[]> {
  const { record, place, alerts, tags, batches, parts, rescore } = await readLineageRecord(tx, { site, ...input })
  const { score, window, release, featureSet } = record
  const { name, version, digest } = release.model
  const origin = await modelOriginFacts(tx, site, name, version)
  const [judging] = parts.assignment ? await judgingFacts(tx, site, { assignments: [parts.assignment.id] }) : []
  const decision = score.decision as Decision | null
  const finite = (value: number) => (Number.isFinite(value) ? value : null)
  return [
    ...(origin ? await originEvents(tx, site, origin) : []),
    ...scoringEvents({
      site, asset: place.assetId, family: place.familyId,
      score: { id: score.scoreId, score: finite(score.score), confidence: finite(score.confidence), severity: decision?.severity ?? null, atUs: score.scoredAtUs },
      window, tags: tags.map(({ tag, kind, count }) => ({ tag, kind, count })), batches,
      model: { name, version, digest }, featureSet: { name: featureSet.set.name, version: featureSet.set.version, digest: featureSet.digest }, policy: parts.policy,
      judging: judging ?? null, rescore: rescore?.operation ?? null,
      alerts: alerts.map(({ alertId, ruleId, severity, createdUs, closedUs, workOrder, feedback }) => ({
        alert: alertId, rule: ruleId, severity, startUs: createdUs, endUs: closedUs, workOrder: workOrder && { number: workOrder.number, title: workOrder.title, state: workOrder.state },
        outcomes: feedback.map(({ by, verdict, failureMode, atUs }) => ({ by, verdict, failureMode, atUs })),
      })),
    }),
  ]
}
