/**
 * The shapes the console reads from /v1, as the routes answer them. Instants are RFC 3339 text; lists are
 * `{ items, nextCursor }`. When a route and this file differ, the console is what breaks: keep them together.
 */
import type { GuardReading } from '../../../registry/domain/rollout/guards.ts'
import type { RolloutPlan, RolloutStage } from '../../../registry/domain/rollout/plan.ts'
import type { RolloutState } from '../../../registry/domain/rollout/rollout.ts'
import type { GateEvidence, GovernanceEvidence } from '../../../registry/services/read/gate-evidence.ts'

export interface Page<T> { items: T[]; nextCursor: string | null }
/** GET /v1/twins/{asset}/trend */
export interface Trend extends Page<TrendPoint> { bucketUs: number }

export interface Me { id: string; name?: string; roles: string[]; rights: string[]; sites: string[] | '*' }

export type Severity = 'low' | 'medium' | 'high' | 'urgent'

/** GET /v1/twins: one per asset, for the fleet page. GET /v1/twins/{asset} adds the detail below. */
export interface TwinSummary {
  site: string
  asset: string
  name: string
  family: string
  line: string
  criticality: string
  /** 0–100; null while nothing was scored. */
  health: number | null
  confidence: number | null
  scoredAt: string | null
  /** How far apart windows are while data comes. */
  hopSeconds: number | null
  /** `backfill`: known from imported history alone. */
  lane: 'live' | 'backfill' | null
  /** Worst open alert, if any. */
  severity: Severity | null
  openAlerts: number
  /** Confidence over the newest 48 windows, oldest first; null = no score. */
  trend: (number | null)[]
}

/** GET /v1/gaps: what is missing, or came late, and why. */
export interface GapEntry {
  id: string
  gateway: string
  cause: string
  /** Null: all that the source, or the whole gateway, reads. */
  tag: string | null
  source: string | null
  from: string
  /** Null while it goes on. */
  to: string | null
  /** Readings that will never come; null: not known. */
  lost: number | null
  detail: string | null
}

export interface Twin extends TwinSummary {
  scoreId: string | null
  release: string | null
  tags: { tag: string; role: string; kind: 'scalar' | 'waveform'; unit: string; value: number | null; quality: 'good' | 'uncertain' | 'bad' | null; at: string | null; firstAt: string | null }[]
  questions: { drifting: string; howFast: string; failureMode: string; whatToDo: string }
  rules: { id: string; signal: string; raiseAt: number; clearAt: number; value: number | null; state: string }[]
  drivers: { feature: string; share: number }[]
}

export interface AlertRow {
  id: string
  site: string
  asset: string
  rule: string
  state: 'unacknowledged' | 'acknowledged' | 'returned-unacknowledged' | 'closed'
  severity: Severity
  failureMode: string | null
  recommendedAction: string
  release: string
  scoreId: string
  raisedAt: string
  clearedAt: string | null
  /** From here on wall time. */
  createdAt: string
  acknowledgeBy: string | null
  overdueAt: string | null
  acknowledgedAt: string | null
  acknowledgedBy: string | null
  escalationLevel: number
  shelvedUntil: string | null
  closedAt: string | null
}

/** GET /v1/alerts/{id} */
export interface AlertDetail extends AlertRow {
  events: { kind: string; actor: string; at: string; detail: Record<string, unknown> }[]
  workOrder: { number: string; title: string; state: string } | null
  feedback: { verdict: string; note: string; by: string; at: string }[]
}

/** The champion's scores in equal intervals of event time, oldest first. */
export interface TrendPoint { from: string; windows: number; confidence: { median: number | null; max: number | null } }

/** GET /v1/readings?tag&from&to&points: columns of equal length; min/max buckets when downsampled. */
export interface ReadingSeries { tag: string; unit: string; bucketUs?: number; times: string[]; values: (number | null)[]; low?: (number | null)[]; high?: (number | null)[] }

export interface GateRow {
  id: string
  site: string
  family: string
  kind: 'promote-model' | 'approve-policy' | 'change-governance'
  /** The release, or the version of the governance. */
  subject: string
  release: string | null
  replaces: string | null
  role: string | null
  scope: string
  state: string
  reason: string
  requestedBy: string
  author: string
  requestedAt: string
  expiresAt: string
  closedAt: string | null
  closedBecause: string | null
  waitingForMe: boolean
  evidenceDigest: string | null
  requiredApprovals: number
  approvals: number
  /** "1 of 2: reliability-engineer still wanted" */
  wanted: string
  changesAsked: { by: string; text: string; at: string }[]
  escalatedTo: string[]
  emergency: { by: string; reason: string; at: string; review: { state: 'due' | 'confirmed' | 'rejected'; due: string; overdue: boolean; endedAt: string | null; because: string | null } } | null
}

/** GET /v1/delegations */
export interface Delegation { id: string; site: string; family: string | null; delegator: string; delegate: string; reason: string; madeAt: string; until: string; state: 'running' | 'ended' | 'revoked' }

/** GET /v1/gates/{id} */
export interface GateDetail extends GateRow {
  rollout: RolloutPlan | null
  evidence: GateEvidence | GovernanceEvidence | null
  evidenceCommit: number | null
  /** The rules in words. */
  asks: string
  decisions: { actor: string; onBehalfOf: string | null; stage: 'decision' | 'emergency' | 'review'; verdict: 'approve' | 'reject'; comment: string; at: string }[]
  reviewers: { actor: string; required: boolean; addedBy: string; at: string }[]
  thread: { kind: 'comment' | 'changes-asked' | 'answer'; by: string; onBehalfOf: string | null; text: string; at: string }[]
  /** In whose names the reader could decide here, their own first. */
  deciding: string[]
  mayDeclareEmergency: boolean
  evidenceAge: { frozenAt: string; days: number; commitsBehind: number | null } | null
}

/** GET /v1/operations */
export interface OperationRow {
  id: string
  site: string
  kind: string
  state: 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  progress: { step?: string; windows?: { done: number; all: number }; assets?: { done: number; all: number }; written?: number; current?: string[] }
  result: unknown
  error: { code: string; message: string } | null
  paused: { at: string; by: string } | null
  pausable: boolean
  rescore: { scope: { family?: string; line?: string; assets?: string[] }; from: string; to: string; release: string | null; reason: string } | null
  cancelRequestedAt: string | null
  requestedBy: string
  createdAt: string
  endedAt: string | null
}

/** GET /v1/rollouts; the id is the gate's that let it begin. */
export interface RolloutRow {
  id: string; site: string; family: string; scope: string; release: string; former: string | null; state: RolloutState; stage: RolloutStage; stages: RolloutStage[]
  startedAt: string; stageSince: string; stageThrough: string; minWindows: number; ready: boolean; endedAt: string | null; endedBy: string | null; endedBecause: string | null
}
export interface RolloutDetail extends RolloutRow {
  plan: RolloutPlan
  checks: { stage: RolloutStage; at: string; windows: number; readings: (GuardReading & { text: string })[] }[]
}

export interface LedgerRow { id: string; site: string; sequence: number | null; recordedAt: string; kind: string; subject: string; actor: string; hash: string | null; body: Record<string, unknown> }

/** GET /v1/lineage?alert= or ?score=: from decision down to raw batches; `level` orders the drawing. */
export interface Lineage {
  nodes: { id: string; kind: string; label: string; detail: string | null; level: number }[]
  edges: { from: string; to: string }[]
}
