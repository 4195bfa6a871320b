import { z } from 'zod'
import { incidentKinds, incidentStates } from '../../registry/domain/incidents/incident.ts'
import { acknowledgeIncident, acknowledgeIncidentInput, closeIncident, closeIncidentInput } from '../../registry/services/incidents/answer-incident.ts'
import { getIncident, listIncidents } from '../../registry/services/read/incidents.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'
import { anyJson, assetId, laneSchema } from './common.ts'

const state = z.enum(incidentStates)
const kind = z.enum(incidentKinds)
const answer = z.object({ by: z.string(), at: z.string(), comment: z.string() })

const incident = {
  id: z.string(),
  site: z.string(),
  kind,
  state: state.describe('acknowledged: somebody has it in hand; it stays until it is closed'),
  summary: z.string().describe('In one sentence'),
  family: z.string(),
  asset: z.string().nullable().describe('Null: it lies in the release, whichever machine shows it'),
  release: z.string(),
  model: z.string().describe('name@version'),
  firstDifference: z.object({
    scoreId: z.string(), windowEnd: z.string().describe('Event time'), what: z.string(), stored: anyJson, recomputed: anyJson, comparison: z.enum(['exact', 'equivalent']),
    runtime: z.object({ then: z.string(), now: z.string() }),
  }).describe('Of the first replay that showed it'),
  windows: z.number().int().describe('Windows that show it, each counted once'),
  goodAgain: z.number().int().describe('Of these, those that came out well when they were replayed last'),
  timesSeen: z.number().int().describe('Replays that showed it'),
  openedAt: z.string(),
  openedBy: z.string().describe('Who replayed'),
  lastSeenAt: z.string(),
  acknowledged: answer.nullable(),
  closed: answer.nullable().describe('With what was found'),
}
const incidentSchema = z.object(incident).meta({ id: 'Incident' })
const incidentDetailSchema = z.object({
  ...incident,
  firstWindows: z.array(z.object({
    scoreId: z.string(), asset: z.string(), lane: laneSchema, windowEnd: z.string(), what: z.string(), failedAt: z.string(),
    goodAt: z.string().nullable().describe('It came out well when it was replayed last'),
  })).describe('The first twenty, by event time'),
}).meta({ id: 'IncidentDetail' })
const answeredSchema = z.object({ incident: z.string(), state, repeated: z.boolean().describe('It was so before') }).meta({ id: 'IncidentAnswered' })

const reading = { tag: 'Governance', method: 'get', right: 'read' } as const
const answering = { tag: 'Governance', method: 'post', scope: 'site', right: 'incident.answer' } as const
const one = { params: z.object({ incident: uuidOf('incident') }), locate: { kind: 'incident', param: 'incident' } } as const

export const incidentEndpoints = [
  endpoint({
    ...reading, operationId: 'listIncidents', path: '/v1/incidents', scope: 'sites', summary: 'What was found broken, newest first: stored decisions that do not replay',
    query: z.object({
      state: z.enum([...incidentStates, 'unclosed']).optional().describe('unclosed: every state but closed'), asset: assetId.optional().describe('Whose windows show it'), kind: kind.optional(), ...pageInput,
    }),
    answer: pageOf(incidentSchema), handle: ({ ctx, actor, site, query }) => listIncidents(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...reading, ...one, operationId: 'getIncident', path: '/v1/incidents/{incident}', scope: 'site', summary: 'One incident with its first windows', answer: incidentDetailSchema,
    handle: ({ ctx, actor, site, params }) => getIncident(ctx, actor, { site, incident: params.incident }),
  }),
  endpoint({
    ...answering, ...one, operationId: 'acknowledgeIncident', path: '/v1/incidents/{incident}/acknowledge', summary: 'Somebody has it in hand; it stays open',
    body: acknowledgeIncidentInput.omit({ site: true, incident: true }).strict(), answer: answeredSchema,
    handle: ({ ctx, actor, site, params, body }) => acknowledgeIncident(ctx, actor, { site, incident: params.incident, ...body }),
  }),
  endpoint({
    ...answering, ...one, operationId: 'closeIncident', path: '/v1/incidents/{incident}/close', summary: 'End it with what was found; a replay that fails again opens a new one',
    body: closeIncidentInput.omit({ site: true, incident: true }).strict(), answer: answeredSchema,
    handle: ({ ctx, actor, site, params, body }) => closeIncident(ctx, actor, { site, incident: params.incident, ...body }),
  }),
]
