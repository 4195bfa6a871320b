import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { counted } from '../../domain/counted.ts'
import { NAMED_BATCHES } from '../../domain/lineage/run-events.ts'
import type { Decision } from '../../domain/policy/decide.ts'
import { describeDecision } from '../../domain/policy/describe-decision.ts'
import { ruleProgress, type RuleProgress } from '../../domain/policy/rule-progress.ts'
import type { AlertRoot, BatchRecord, ReleaseRecord } from '../../store/lineage-records.ts'
import type { ReplayRecord } from '../../store/replay-records.ts'
import type { RescoreRecord } from '../../store/rescores.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { readLineageRecord, type AnsweredAlert, type LineageInput, type LineageRecord } from './lineage-record.ts'

export interface LineageNode {
  /** `kind/…`, unique in the graph. */
  readonly id: string
  readonly kind: 'work-order' | 'outcome' | 'alert' | 'decision' | 'score' | 'window' | 'release' | 'model' | 'feature-set' | 'policy' | 'readings' | 'waveforms' | 'assignment' | 'dataset' | 'batch' | 'approval' | 'rescore'
  readonly label: string
  readonly detail: string | null
  /** How far down: 0 is the alert, what rests on it is above. */
  readonly level: number
  /** Of a decision: where each rule of the policy stood after it. */
  readonly rules?: readonly RuleProgress[]
}

/** What rests on what: an edge leads from a thing to what it was made from, or allowed by. */
export interface Lineage {
  readonly nodes: readonly LineageNode[]
  readonly edges: readonly { readonly from: string; readonly to: string }[]
}

/**
 * Where an alert or a score comes from: its decision and score, down to raw batches on the one side, and to release,
 * model, dataset, policy and the approvals on the other; and what came of it: alerts, work orders, outcomes. Refuses (`not_found`) what the site does not have.
 */
export async function readLineage(ctx: ServiceContext, actor: Actor, input: LineageInput): Promise<Lineage> {
  demand(actor, 'read', input.site)
  const found = await inSite(ctx.pool, input.site, (tx) => readLineageRecord(tx, input))
  const graph = createGraph()
  judgement(graph, found.record, found.alerts)
  if (found.rescore) rescoring(graph, found.record, found.rescore)
  for (const alert of found.alerts) followUps(graph, alert)
  readingsSide(graph, found)
  releaseSide(graph, found)
  return graph.result()
}

type Graph = ReturnType<typeof createGraph>

function createGraph() {
  const nodes = new Map<string, LineageNode>()
  const edges = new Map<string, { from: string; to: string }>()
  return {
    /** Adds a node once, under what rests on it. */
    add(node: LineageNode, restsOnIt?: string): string {
      if (!nodes.has(node.id)) nodes.set(node.id, node)
      if (restsOnIt !== undefined) this.link(restsOnIt, node.id)
      return node.id
    },
    link(restsOnIt: string, node: string): void {
      edges.set(`${restsOnIt}>${node}`, { from: restsOnIt, to: node })
    },
    result: (): Lineage => ({ nodes: [...nodes.values()].sort((a, b) => a.level - b.level), edges: [...edges.values()] }),
  }
}

const scoreNode = ({ score }: ReplayRecord): string => `score/${score.scoreId}`
const releaseNode = ({ release }: ReplayRecord): string => `release/${release.releaseId}`

function judgement(graph: Graph, record: ReplayRecord, alerts: readonly AlertRoot[]): void {
  const { score, window, release } = record
  const tops = alerts.map(({ alertId, scoreId, ruleId, severity, raisedUs, state }) => graph.add({
    id: `alert/${alertId}`, kind: 'alert', label: `${ruleId}, ${severity}`, level: 0, 
    detail: `raised for ${microsToIso(raisedUs)}, ${scoreId === score.scoreId ? '' : 'raised again by this, '}${state}`,
  }))
  const decision = score.decision as Decision | null
  const decided = decision === null ? undefined : graph.add({
    id: `decision/${score.scoreId}`, kind: 'decision', level: 1, ...describeDecision(decision, release.policy.rules, alerts[0]?.ruleId),
    rules: ruleProgress(decision, release.policy.rules),
  })
  if (decided !== undefined) for (const top of tops) graph.link(top, decided)
  graph.add({
    id: scoreNode(record), kind: 'score', level: 2, label: `score ${figure(score.score)}, confidence ${figure(score.confidence)}`,
    detail: [`${score.role} ${release.releaseId}`, ...score.contributions.map(({ feature, share }) => `${feature} ${Math.round(share * 100)} %`)].join(', '),
  }, decided)
  graph.add({
    id: `window/${window.windowId}`, kind: 'window', level: 3, label: `${microsToIso(window.startUs)} – ${microsToIso(window.endUs)}`,
    detail: `revision ${window.revision}, ${window.lane} lane, as of commit ${window.commitNumber}`,
  }, scoreNode(record))
}

/** Beside a score that was not what decided then: why it is there, and who wanted it. */
function rescoring(graph: Graph, record: ReplayRecord, { operation, reason, by, askedUs }: RescoreRecord): void {
  graph.add({ id: `rescore/${operation}`, kind: 'rescore', level: 3, label: `rescored for ${by}`, detail: `${reason}; asked for ${microsToIso(askedUs)}, operation ${operation}; what was decided then stands` }, scoreNode(record))
}

/** Above the alert: a work order and what was found rest on it. */
function followUps(graph: Graph, { alertId, workOrder, feedback }: AnsweredAlert): void {
  const alert = `alert/${alertId}`
  if (workOrder) {
    const order = graph.add({ id: `work-order/${workOrder.number}`, kind: 'work-order', level: -1, label: `${workOrder.number}, ${workOrder.state}`, detail: `${workOrder.title}; by ${workOrder.createdBy}` })
    graph.link(order, alert)
  }
  for (const { by, verdict, failureMode, note, atUs } of feedback) {
    const outcome = graph.add({
      id: `outcome/${alertId}/${by}`, kind: 'outcome', level: -1, label: `${verdict.replace('-', ' ')}, says ${by}`,
      detail: [failureMode, microsToIso(atUs), note].filter((part) => part !== null && part !== '').join('; '),
    })
    graph.link(outcome, alert)
  }
}

function readingsSide(graph: Graph, { record: { window }, tags, batches }: LineageRecord): void {
  const above = `window/${window.windowId}`
  const usedBy = new Map<number, string[]>()
  for (const { tag, kind, count, samples, fromUs, toUs, batchIds } of tags) {
    const id = graph.add({
      id: `${kind}/${tag}`, kind, level: 4, label: tag,
      detail: kind === 'readings' ? `${counted(count, 'reading')}, ${microsToIso(fromUs)} – ${microsToIso(toUs)}` : `${counted(count, 'recording')}, ${counted(samples, 'sample')}`,
    }, above)
    for (const batchId of batchIds) usedBy.set(batchId, [...usedBy.get(batchId) ?? [], id])
  }
  for (const batch of batches.slice(0, NAMED_BATCHES)) for (const node of usedBy.get(batch.batchId) ?? []) graph.add(batchNode(batch), node)
  const more = batches.slice(NAMED_BATCHES)
  if (more.length === 0) return
  for (const node of new Set(more.flatMap(({ batchId }) => usedBy.get(batchId) ?? []))) {
    graph.add({ id: 'batch/more', kind: 'batch', level: 5, label: counted(more.length, 'more batch', 'more batches'), detail: `commits ${more[0]?.commitNumber} – ${more.at(-1)?.commitNumber}` }, node)
  }
}

const batchNode = ({ batchId, gateway, epoch, sequence, digest, objectKey, commitNumber, receivedUs }: BatchRecord): LineageNode => ({
  id: `batch/${batchId}`, kind: 'batch', level: 5, label: `${gateway}/${epoch} #${sequence}`,
  detail: `commit ${commitNumber}, landed ${microsToIso(receivedUs)}, sha256 ${digest}, object ${objectKey}`,
})

const datasetSites = z.object({
  site: z.string().nullish(), sites: z.array(z.object({ site: z.string(), commitNumber: z.number() })).nullish(),
})

/** Each site numbers its own commits: another one's are named with it. */
function commitsOf({ manifest, commitNumber }: ReleaseRecord['dataset'], here: string): string {
  const { site, sites } = datasetSites.safeParse(manifest).data ?? {}
  if (sites) return sites.map((each) => `${each.commitNumber} of ${each.site}`).join(', ')
  return site && site !== here ? `${commitNumber} of ${site}` : `${commitNumber}`
}

function releaseSide(graph: Graph, { record, parts }: LineageRecord): void {
  const { release, score, featureSet } = record
  const { dataset, copiedFrom } = parts
  const above = releaseNode(record)
  graph.add({ id: above, kind: 'release', level: 3, label: release.releaseId, detail: `${score.role}, sha256 ${release.digest}` }, scoreNode(record))
  const model = graph.add({
    id: `model/${release.model.name}/${release.model.version}`, kind: 'model', level: 4, label: `${release.model.name} v${release.model.version}`,
    detail: `${release.model.kind}, sha256 ${release.model.digest}${copiedFrom === null ? '' : `, copied from ${copiedFrom.site}/${copiedFrom.name}@${copiedFrom.version} by ${copiedFrom.by}`}`,
  }, above)
  graph.add({
    id: `feature-set/${featureSet.set.name}/${featureSet.set.version}`, kind: 'feature-set', level: 4, label: `${featureSet.set.name}@${featureSet.set.version}`,
    detail: `${counted(featureSet.set.features.length, 'feature')}, sha256 ${featureSet.digest}`,
  }, above)
  graph.add({
    id: `policy/${parts.policy.version}`, kind: 'policy', level: 4, label: `${release.policy.name} v${parts.policy.version}`, detail: `sha256 ${parts.policy.digest}`,
  }, above)
  graph.add({
    id: `dataset/${dataset.datasetId}`, kind: 'dataset', level: 5, label: `${counted(dataset.rowCount, 'window')} as of commit ${commitsOf(dataset, score.site)}`,
    detail: `sha256 ${dataset.digest}`,
  }, model)
  if (parts.assignment === null) return
  const { id, scope, assignedBy, reason, gateId } = parts.assignment
  const assignment = graph.add({
    id: `assignment/${id}`, kind: 'assignment', level: 4, label: `${score.role} of ${scope}`,
    detail: `${reason}; by ${assignedBy}${gateId === null ? '' : ` through gate ${gateId}`}`,
  }, above)
  for (const { actor, roles, verdict, evidenceDigest, atUs } of parts.decisions) {
    graph.add({
      id: `approval/${gateId}/${actor}`, kind: 'approval', level: 5, label: `${verdict === 'approve' ? 'approved' : 'rejected'} by ${actor}`,
      detail: `${roles.join(', ')}; ${microsToIso(atUs)}; evidence sha256 ${evidenceDigest}`,
    }, assignment)
  }
}

const figure = (value: number | null): string => (value === null || !Number.isFinite(value) ? 'missing' : Number(value.toPrecision(4)).toString())
