import { randomUUID } from 'node:crypto'
import { enqueue, type WorkflowStart } from './outbox.ts'
import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'
import { writingSite } from './writing-site.ts'

export type OperationState = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled'

export interface OperationDraft {
  /** e.g. `retrain-model`, `check-drift`. */
  readonly kind: string
  readonly requestedBy: string
  /** Names the workflow for the operation's id: one of `workflowIds`. */
  readonly workflowId: (operationId: string) => string
  /** Type, task queue and input of the workflow; the input carries the operation's id. */
  readonly workflow: (operationId: string) => WorkflowStart
  readonly site?: string
}

/**
 * Notes what was asked for and has the relay start its workflow. The row keeps the whole start, so that the reconciler
 * can start it again when Temporal has forgotten it.
 */
export async function createOperation(tx: Tx, draft: OperationDraft): Promise<{ operationId: string; workflowId: string }> {
  const site = writingSite(tx, draft.site)
  const operationId = randomUUID()
  const workflowId = draft.workflowId(operationId)
  const start = draft.workflow(operationId)
  await tx.query(
    'insert into operation (operation_id, site_id, kind, workflow_id, request, requested_by) values ($1, $2, $3, $4, $5, $6)',
    [operationId, site, draft.kind, workflowId, JSON.stringify(start), draft.requestedBy],
  )
  await enqueue(tx, { channel: 'workflow', kind: 'start', site, target: workflowId, payload: start, dedupeKey: `start:${workflowId}` })
  return { operationId, workflowId }
}

/** Marks it running and notes how far it is; says whether somebody asked for it to stop. An ended one stays as it is. */
export async function reportProgress(
  tx: Tx, operationId: string, progress: Record<string, unknown>,
): Promise<{ cancelRequested: boolean }> {
  const { rows } = await tx.query<{ cancelled: boolean }>(
    `update operation set state = case when ended_at is null then 'running' else state end,
            progress = case when ended_at is null then progress || $2::jsonb else progress end, updated_at = now()
     where operation_id = $1
     returning cancel_requested_at is not null or state = 'cancelled' as cancelled`,
    [operationId, JSON.stringify(progress)],
  )
  return { cancelRequested: rows[0]?.cancelled ?? false }
}

export type OperationOutcome =
  | { readonly state: 'succeeded'; readonly result: unknown }
  | { readonly state: 'failed'; readonly error: { readonly code: string; readonly message: string } }
  | { readonly state: 'cancelled' }

/** Ends it once; ending it again changes nothing, so an activity may be retried. Says whether this call did it. */
export async function endOperation(tx: Tx, operationId: string, outcome: OperationOutcome): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update operation set state = $2, result = $3, error = $4, updated_at = now(), ended_at = now()
     where operation_id = $1 and ended_at is null`,
    [operationId, outcome.state,
      outcome.state === 'succeeded' ? JSON.stringify(outcome.result) : null,
      outcome.state === 'failed' ? JSON.stringify(outcome.error) : null],
  )
  return rowCount === 1
}

/** Notes the wish and has the relay cancel the workflow; null when there is no such operation. */
export async function requestCancel(
  tx: Tx, site: string, operationId: string, nowUs: number,
): Promise<{ state: OperationState; requested: boolean; first: boolean } | null> {
  const { rows } = await tx.query<{ state: OperationState; workflow_id: string; ended: boolean; requested: boolean }>(
    `select state, workflow_id, ended_at is not null as ended, cancel_requested_at is not null as requested
     from operation where site_id = $1 and operation_id = $2 for update`, [site, operationId],
  )
  const row = rows[0]
  if (!row) return null
  if (row.ended || row.requested) return { state: row.state, requested: row.requested, first: false }
  await tx.query(`update operation set cancel_requested_at = ${usToTimestamp('$2')}, updated_at = now() where operation_id = $1`, [operationId, nowUs])
  await enqueue(tx, {
    channel: 'workflow', kind: 'cancel', site, target: row.workflow_id, payload: { reason: 'asked for' }, dedupeKey: `cancel:${row.workflow_id}`,
  })
  return { state: row.state, requested: true, first: true }
}

/** Kinds that may wait in the middle: their workflows look at `paused_at` between two steps. */
export const pausableKinds: ReadonlySet<string> = new Set(['rescore'])

/**
 * Has it wait (by whom, and when), or, with null, go on, where its kind and its state allow that; `changed` says whether that was news.
 * Undefined when there is no such operation.
 */
export async function setPaused(
  tx: Tx, site: string, operationId: string, pause: { by: string; nowUs: number } | null,
): Promise<{ kind: string; state: OperationState; cancelling: boolean; changed: boolean; workflowId: string } | undefined> {
  const { rows: [row] } = await tx.query<{ kind: string; state: OperationState; workflow_id: string; ended: boolean; cancelling: boolean; paused: boolean }>(
    `select kind, state, workflow_id, ended_at is not null as ended, cancel_requested_at is not null as cancelling, paused_at is not null as paused
     from operation where site_id = $1 and operation_id = $2 for update`, [site, operationId])
  if (row === undefined) return undefined
  const changed = pausableKinds.has(row.kind) && !row.ended && !row.cancelling && row.paused !== (pause !== null)
  if (changed) {
    await tx.query(`update operation set paused_at = ${usToTimestamp('$2')}, paused_by = $3, updated_at = now() where operation_id = $1`,
      [operationId, pause?.nowUs ?? null, pause?.by ?? null])
  }
  return { kind: row.kind, state: row.state, cancelling: row.cancelling, changed, workflowId: row.workflow_id }
}

/** What a step looks at before it goes on. */
export async function operationStanding(tx: Tx, operationId: string): Promise<{ paused: boolean; cancelling: boolean }> {
  const { rows } = await tx.query<{ paused: boolean; cancelling: boolean }>(
    `select paused_at is not null as paused, cancel_requested_at is not null or ended_at is not null as cancelling
     from operation where site_id = $1 and operation_id = $2`, [tx.site, operationId])
  return rows[0] ?? { paused: false, cancelling: true }
}

export interface OpenOperation { readonly site: string; readonly operationId: string; readonly workflowId: string; readonly start: WorkflowStart }

/** Operations without an end, oldest first: what the reconciler looks after. */
export async function openOperations(tx: Tx, limit = 1000): Promise<OpenOperation[]> {
  const { rows } = await tx.query<{ site_id: string; operation_id: string; workflow_id: string; request: WorkflowStart }>(
    'select site_id, operation_id, workflow_id, request from operation where ended_at is null order by created_at limit $1', [limit],
  )
  return rows.map((row) => ({ site: row.site_id, operationId: row.operation_id, workflowId: row.workflow_id, start: row.request }))
}
