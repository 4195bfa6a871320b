/**
 * What the workflows are called, what they take and give, and the messages they answer: everything a client needs
 * to know. Small plain JSON only (no Date, Map, NaN); times are micros or RFC 3339 text.
 */

export interface IngestBatchInput { site: string; gateway: string; epoch: string; batchIds: string[]; traceId: string }
export interface IngestBatchResult { committed: number; quarantined: number; windows: number }

export interface RetrainModelInput { site: string; operationId: string; family: string; reason: string; requestedBy: string
  /** Readings used, event time [from, to); absent = as configured in the request's service. */
  fromUs: number; toUs: number; assets: string[] | null; promote: boolean
  /** Others whose windows go in too; absent: none. */
  sites?: string[] }
export interface RetrainModelResult { dataset: string; models: string[]; chosen: string; release: string | null; gate: string | null }

export interface CheckDriftInput { site: string; operationId: string | null; family: string; requestedBy: string; mayRetrain: boolean }
/** `report` is null when no champion is in force: there is nothing to hold the windows against. */
export interface CheckDriftResult { report: string | null; verdict: 'drift' | 'none' | 'insufficient_data'; retraining: string | null }

export interface RescoreInput { site: string; operationId: string }
/** Windows looked at, and revisions written of them. */
export interface RescoreResult { windows: number; written: number; assets: number; releases: string[] }

/** promoteModel, approvePolicy and changeGovernance share the gate's messages; the gate row in PostgreSQL is the truth. */
export interface GateInput { site: string; gateId: string; expiresAtUs: number }
export interface GateResult { state: string; assignment: string | null }
export interface GateDecisionInput { actor: string; verdict: 'approve' | 'reject'; evidenceDigest: string; comment: string
  /** Whoever delegated to the actor; absent or null: for themselves, or for the only one they may decide for. */
  onBehalfOf?: string | null }
export interface GateDecisionResult { state: string; approvals: number; required: number; assignment: string | null }

export interface RollOutInput { site: string; rolloutId: string }
export interface RollOutResult { state: string; stage: string }

export interface UpdateGatewaysInput { site: string; updateId: string }
export interface UpdateGatewaysResult { state: string; stage: number }

export interface AlertLifecycleInput { site: string; alertId: string }

export const workflowTypes = {
  ingestBatch: 'ingestBatch',
  retrainModel: 'retrainModel',
  checkDrift: 'checkDrift',
  rescore: 'rescore',
  promoteModel: 'promoteModel',
  approvePolicy: 'approvePolicy',
  changeGovernance: 'changeGovernance',
  alertLifecycle: 'alertLifecycle',
  rollOut: 'rollOut',
  updateGateways: 'updateGateways',
} as const

/** Update and signal names; the definitions (`defineUpdate`, `defineSignal`) live beside the handlers. */
export const messageNames = {
  decideGate: 'decideGate',
  withdrawGate: 'withdrawGate',
  alertChanged: 'alertChanged',
  operationChanged: 'operationChanged',
  rolloutChanged: 'rolloutChanged',
  fleetUpdateChanged: 'fleetUpdateChanged',
  status: 'status',
} as const
