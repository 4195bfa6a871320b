import { z } from 'zod'
import { severitySchema } from '../../registry/domain/contract/scored-event.ts'
import { acknowledgeAlert, acknowledgeAlertInput } from '../../registry/services/acknowledge-alert.ts'
import { closeAlert, closeAlertInput } from '../../registry/services/close-alert.ts'
import { createWorkOrder, createWorkOrderInput } from '../../registry/services/create-work-order.ts'
import { giveFeedback, giveFeedbackInput } from '../../registry/services/give-feedback.ts'
import { getAlert, listAlerts } from '../../registry/services/read/alerts.ts'
import { listLabels } from '../../registry/services/read/labels.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { reviewLabel, reviewLabelInput } from '../../registry/services/review-label.ts'
import { shelveAlert, shelveAlertInput } from '../../registry/services/shelve-alert.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'
import { assetId, jsonObject } from './common.ts'

const stateSchema = z.enum(['unacknowledged', 'acknowledged', 'returned-unacknowledged', 'closed'])

const alert = {
  id: z.string(),
  site: z.string(),
  asset: z.string(),
  rule: z.string(),
  state: stateSchema,
  severity: severitySchema,
  failureMode: z.string().nullable(),
  recommendedAction: z.string(),
  release: z.string(),
  scoreId: z.string().describe('The score whose decision raised it: the root of its lineage'),
  raisedAt: z.string().describe('Event time'),
  clearedAt: z.string().nullable().describe('Event time: its signal returned to normal'),
  pages: z.boolean(),
  createdAt: z.string().describe('From here on wall time'),
  acknowledgeBy: z.string().nullable(),
  acknowledgedAt: z.string().nullable(),
  acknowledgedBy: z.string().nullable(),
  overdueAt: z.string().nullable(),
  escalationLevel: z.number().int(),
  shelvedUntil: z.string().nullable(),
  closedAt: z.string().nullable(),
}
const alertSchema = z.object(alert).meta({ id: 'Alert' })
const workOrder = { number: z.string(), title: z.string(), state: z.string() }
const alertDetailSchema = z
  .object({
    ...alert,
    events: z.array(z.object({ kind: z.string(), actor: z.string(), at: z.string(), detail: jsonObject })),
    workOrder: z.object({ ...workOrder, createdBy: z.string(), createdAt: z.string() }).nullable(),
    feedback: z.array(z.object({ verdict: z.string(), failureMode: z.string().nullable(), note: z.string(), by: z.string(), at: z.string() })),
  })
  .meta({ id: 'AlertDetail' })

const labelState = z.enum(['proposed', 'accepted', 'rejected'])
const labelSchema = z
  .object({
    id: z.string(),
    asset: z.string(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    value: z.enum(['normal', 'faulty']),
    failureMode: z.string().nullable(),
    source: z.enum(['feedback', 'maintenance', 'import']),
    sourceId: z.string(),
    state: labelState,
    reviewedBy: z.string().nullable(),
    reviewedAt: z.string().nullable(),
  })
  .meta({ id: 'Label' })

const reading = { tag: 'Alerts', method: 'get', right: 'read' } as const
const one = { params: z.object({ alert: uuidOf('alert') }), locate: { kind: 'alert', param: 'alert' }, scope: 'site' } as const
const answering = { ...one, tag: 'Alerts', method: 'post', right: 'alert.answer' } as const
export const alertEndpoints = [
  endpoint({
    ...reading, operationId: 'listAlerts', path: '/v1/alerts', scope: 'sites', summary: 'Alert episodes, newest first',
    query: z.object({ asset: assetId.optional(), state: z.enum([...stateSchema.options, 'open']).optional().describe('open: every state but closed'), severity: severitySchema.optional(), release: z.string().max(100).optional().describe('Raised by this release'), ...pageInput }),
    answer: pageOf(alertSchema),
    handle: ({ ctx, actor, site, query }) => listAlerts(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...reading, ...one, operationId: 'getAlert', path: '/v1/alerts/{alert}', summary: 'One episode with its history, work order and feedback', answer: alertDetailSchema,
    handle: ({ ctx, actor, site, params }) => getAlert(ctx, actor, { site, alert: params.alert }),
  }),
  endpoint({
    ...answering, operationId: 'acknowledgeAlert', path: '/v1/alerts/{alert}/acknowledge', summary: 'Somebody has it in hand: escalation stops',
    body: acknowledgeAlertInput.omit({ site: true, alert: true }).strict(), answer: z.object({ alert: z.string(), state: stateSchema }),
    handle: ({ ctx, actor, site, params, body }) => acknowledgeAlert(ctx, actor, { site, alert: params.alert, ...body }),
  }),
  endpoint({
    ...answering, operationId: 'shelveAlert', path: '/v1/alerts/{alert}/shelve', summary: 'Call nobody about it for a while, eight hours at the most',
    body: shelveAlertInput.omit({ site: true, alert: true }).strict(), answer: z.object({ alert: z.string(), shelvedUntil: z.string().nullable() }),
    handle: ({ ctx, actor, site, params, body }) => shelveAlert(ctx, actor, { site, alert: params.alert, ...body }),
  }),
  endpoint({
    ...answering, operationId: 'createWorkOrder', path: '/v1/alerts/{alert}/work-order', summary: 'Make its work order; asked again, gives the one there is', status: 201,
    body: createWorkOrderInput.omit({ site: true, alert: true }).strict(), answer: z.object({ id: z.string(), ...workOrder }),
    handle: ({ ctx, actor, site, params, body }) => createWorkOrder(ctx, actor, { site, alert: params.alert, ...body }),
  }),
  endpoint({
    ...answering, operationId: 'giveFeedback', path: '/v1/alerts/{alert}/feedback', summary: 'Say what was found; a clear verdict proposes a label', status: 201,
    body: giveFeedbackInput.omit({ site: true, alert: true }).strict(), answer: z.object({ feedback: z.string(), label: z.string().nullable() }),
    handle: ({ ctx, actor, site, params, body }) => giveFeedback(ctx, actor, { site, alert: params.alert, ...body }),
  }),
  endpoint({
    ...answering, operationId: 'closeAlert', path: '/v1/alerts/{alert}/close', summary: 'End the episode, whatever its signal says',
    body: closeAlertInput.omit({ site: true, alert: true }).strict(), answer: z.object({ alert: z.string(), state: z.literal('closed') }),
    handle: ({ ctx, actor, site, params, body }) => closeAlert(ctx, actor, { site, alert: params.alert, ...body }),
  }),
  endpoint({
    ...reading, operationId: 'listLabels', path: '/v1/labels', scope: 'site', summary: 'Labels, newest first; `proposed` ones wait for a review',
    query: z.object({ asset: assetId.optional(), state: labelState.optional(), ...pageInput }), answer: pageOf(labelSchema),
    handle: ({ ctx, actor, site, query }) => listLabels(ctx, actor, { site, ...query }),
  }),
  endpoint({
    tag: 'Alerts', scope: 'site', operationId: 'reviewLabel', method: 'post', path: '/v1/labels/{label}/review', right: 'label.review',
    summary: 'Accept or reject a label; only accepted ones train and judge',
    params: z.object({ label: uuidOf('label') }), locate: { kind: 'label', param: 'label' },
    body: reviewLabelInput.pick({ verdict: true }).strict(), answer: z.object({ label: z.string(), state: z.enum(['accepted', 'rejected']) }),
    handle: ({ ctx, actor, site, params, body }) => reviewLabel(ctx, actor, { site, label: params.label, ...body }),
  }),
]
