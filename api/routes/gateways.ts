import { z } from 'zod'
import { commandOutcomeSchema, gapCauseSchema, gatewayStatusSchema } from '../../registry/domain/contract/gateway-report.ts'
import { alarmJudgementSchema, alarmNumberSchema } from '../../registry/domain/contract/local-alarm.ts'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { severitySchema } from '../../registry/domain/contract/scored-event.ts'
import { listGaps } from '../../registry/services/read/gaps.ts'
import { getGateway, listGateways, listMappings } from '../../registry/services/read/gateways.ts'
import { acknowledgeLocalAlarm, acknowledgeLocalAlarmInput } from '../../registry/services/acknowledge-local-alarm.ts'
import { getGatewayJudgement } from '../../registry/services/read/gateway-judgement.ts'
import { listLocalAlarms } from '../../registry/services/read/local-alarms.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { listRecalls, recallInput, recallReadings } from '../../registry/services/recall-readings.ts'
import { endpoint } from '../endpoint.ts'
import { pageOf } from '../pagination.ts'
import { assetId, flag, inMicros, jsonObject, rangeQuery, tagKey } from './common.ts'

const gateway = {
  site: z.string(),
  id: z.string(),
  state: z.enum(['ok', 'degraded', 'silent', 'shut-out', 'unknown']).describe('silent: no report for two minutes; shut-out: revoked, and not enrolled again since; unknown: it never sent one (an older gateway)'),
  problems: z.array(z.string()),
  version: z.string().nullable(),
  firstSeenAt: z.string(),
  lastSeenAt: z.string(),
  lastReportAt: z.string().nullable(),
  clockSkewUs: z.number().nullable().describe('Gateway clock minus platform clock, as it measured it; without a report as its newest batch told'),
  bufferedRows: z.number().nullable().describe('Readings that have not left it'),
  bufferedBytes: z.number().nullable(),
  oldestBufferedAt: z.string().nullable(),
  openGaps: z.number().int(),
  certificateNotAfter: z.string().nullable().describe('How long its certificate is good; null for one that shows none'),
  revoked: z.boolean().describe('Shut out, until it is enrolled again'),
  epochs: z.array(z.object({
    epoch: z.string(),
    lane: z.enum(['live', 'backfill']),
    completeThrough: z.string().describe('Event time up to which it has shipped all it will regularly ship'),
    lastSequence: z.number().int(),
    lastBatchAt: z.string(),
  })),
}
export const gatewaySchema = z.object(gateway).meta({ id: 'Gateway' })
const detailSchema = z
  .object({ ...gateway, startedAt: z.string().nullable(), status: z.object({ ...gatewayStatusSchema.shape, connectors: z.array(jsonObject) }).nullable().describe('As it said it itself') })
  .meta({ id: 'GatewayDetail' })

const mappingSchema = z.object({ digest: z.string().describe('As batch headers name it'), firstSeenAt: z.string(), document: jsonObject }).meta({ id: 'GatewayMapping' })

export const gapViewSchema = z
  .object({
    id: z.string(),
    gateway: z.string(),
    cause: z.string().describe(`${gapCauseSchema.options.join(', ')}, or what a newer gateway says`),
    tag: z.string().nullable().describe('Null: all that the source, or the whole gateway, reads'),
    source: z.string().nullable(),
    from: z.string(),
    to: z.string().nullable().describe('Null while it goes on'),
    lost: z.number().int().nullable().describe('Readings that will never come; null: not known'),
    detail: z.string().nullable(),
    revision: z.number().int(),
    firstReportedAt: z.string(),
    lastReportedAt: z.string(),
  })
  .meta({ id: 'GapEntry' })

const localAlarmSchema = z
  .object({
    id: z.string(),
    gateway: z.string(),
    asset: z.string(),
    rule: z.string().describe('Of the gateway’s site file, or of the policy of the release that judges there'),
    severity: severitySchema,
    message: z.string(),
    recommendedAction: z.string().nullable(),
    state: z.enum(['active', 'cleared']),
    since: z.string().describe('Since when its condition held: source time'),
    raisedAt: z.string().describe('Gateway clock'),
    clearedAt: z.string().nullable(),
    because: z.string().nullable().describe('normal: the machine is; rule-gone: nobody watches any more'),
    numbers: z.array(alarmNumberSchema).describe('What raised it'),
    acknowledged: z.object({ by: z.string(), at: z.string(), comment: z.string().nullable() }).nullable().describe('On the box'),
    judgement: alarmJudgementSchema.nullable().describe('What the release judged that raised it; null: a rule of the site file did'),
    platform: z.enum(['raised', 'waiting', 'not-raised']).nullable().describe('Of one by a release: the platform raised the same episode, has not come to it yet, or came past it without raising one'),
    alert: z.uuid().nullable().describe('The platform’s episode'),
    revision: z.number().int(),
    firstReportedAt: z.string().describe('Later than it was raised where there was no connection'),
  })
  .meta({ id: 'LocalAlarmView' })

const recallSchema = z
  .object({
    id: z.string(),
    gateway: z.string(),
    tags: z.array(z.string()),
    from: z.string(),
    to: z.string(),
    state: z.enum(['pending', ...commandOutcomeSchema.shape.state.options]),
    rows: z.number().int().describe('Readings and waveforms shipped for it so far'),
    detail: z.string().nullable(),
    requestedBy: z.string(),
    requestedAt: z.string(),
    updatedAt: z.string(),
  })
  .meta({ id: 'Recall' })

const judgementSchema = z
  .object({
    node: z.string().nullable().describe('Its version of Node; null: it has not told what judges there'),
    trustedKeys: z.array(z.string()).describe('Whose bundles it takes'),
    machines: z.array(z.object({ asset: z.string(), release: z.string().nullable(), issue: z.number().int() })).describe('What judges there'),
    orders: z.array(z.object({ id: z.string(), release: z.string().nullable(), assets: z.array(z.string()), state: z.string(), detail: z.string().nullable(), requestedAt: z.string() })).describe('What it was told to install, newest first'),
    compared: z.array(z.object({
      asset: z.string(), release: z.string(), issue: z.number().int(), agreeing: z.number().int(), differing: z.number().int(), otherRelease: z.number().int(), absent: z.number().int(),
      from: z.string(), to: z.string(), largestDifference: z.number().describe('Of a score, relative to it'),
      firstDifference: z.object({ what: z.enum(['score', 'confidence', 'fired']), gateway: z.union([z.number(), z.string()]).nullable(), platform: z.union([z.number(), z.string()]).nullable(), windowEnd: z.string() }).nullable(),
    })).describe('Windows that both judged: how many came to the same'),
  })
  .meta({ id: 'GatewayJudgement' })

const answeredSchema = z.object({ gateway: z.string(), alarm: z.string(), state: z.enum(['ordered', 'acknowledged']) }).meta({ id: 'LocalAlarmAnswered' })

const common = { method: 'get', tag: 'Data', right: 'read', scope: 'site' } as const
const params = z.object({ gateway: slugSchema.describe('Gateway id') })

export const gatewayEndpoints = [
  endpoint({
    ...common, operationId: 'listGateways', path: '/v1/gateways', scope: 'sites', summary: 'Gateways: how they are, how much they hold, how far they have come',
    query: z.object(pageInput), answer: pageOf(gatewaySchema),
    handle: ({ ctx, actor, site, query }) => listGateways(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...common, operationId: 'getGateway', path: '/v1/gateways/{gateway}', summary: 'One gateway with all that it last said of itself',
    params, answer: detailSchema,
    handle: ({ ctx, actor, site, params: { gateway: id } }) => getGateway(ctx, actor, { site, gateway: id }),
  }),
  endpoint({
    ...common, operationId: 'listGatewayMappings', path: '/v1/gateways/{gateway}/mappings', summary: 'The tag maps it has read by, newest first',
    params, query: z.object(pageInput), answer: pageOf(mappingSchema),
    handle: ({ ctx, actor, site, params: { gateway: id }, query }) => listMappings(ctx, actor, { site, gateway: id, ...query }),
  }),
  endpoint({
    ...common, operationId: 'getGatewayJudgement', path: '/v1/gateways/{gateway}/judgement', summary: 'What judges at a gateway, and how far it comes to the same as the platform',
    params, answer: judgementSchema,
    handle: ({ ctx, actor, site, params: { gateway: id } }) => getGatewayJudgement(ctx, actor, { site, gateway: id }),
  }),
  endpoint({
    ...common, operationId: 'listRecalls', path: '/v1/gateways/{gateway}/recalls', summary: 'What was recalled from its raw store, newest first',
    params, query: z.object(pageInput), answer: pageOf(recallSchema),
    handle: ({ ctx, actor, site, params: { gateway: id }, query }) => listRecalls(ctx, actor, { site, gateway: id, ...query }),
  }),
  endpoint({
    ...common, operationId: 'recallReadings', method: 'post', path: '/v1/gateways/{gateway}/recalls', right: 'gateway.recall', status: 201,
    summary: 'Have it ship a period again, as backfill, from its raw store',
    description: 'The gateway gets the order with the reply to its next report; `state` tells how far it is.',
    params, body: recallInput.omit({ site: true, gateway: true }).strict(), answer: recallSchema,
    handle: ({ ctx, actor, site, params: { gateway: id }, body }) => recallReadings(ctx, actor, { site, gateway: id, ...body }),
  }),
  endpoint({
    ...common, operationId: 'listGaps', path: '/v1/gaps', summary: 'The gap ledger: what is missing, or came late, and why; newest first',
    description: 'Of an asset or a tag: its own gaps and those of whole gateways that feed it. With `from` and `to`: what touches that time.',
    query: z.object({
      asset: assetId.optional(), tag: tagKey.optional(), gateway: slugSchema.optional(), cause: z.string().max(40).optional(), ...rangeQuery,
      open: flag.optional().describe('true: those that go on; false: those that ended'), ...pageInput,
    }),
    answer: pageOf(gapViewSchema),
    handle: ({ ctx, actor, site, query }) => listGaps(ctx, actor, { site, ...inMicros(query) }),
  }),
  endpoint({
    ...common, operationId: 'listLocalAlarms', path: '/v1/local-alarms', summary: 'Alarms that gateways raised, newest first',
    description: 'They are raised on the box, also without a connection, and come here when there is one: by rules of the site file, or by a release that judges there. The latter is the platform’s own alert, known earlier.',
    query: z.object({ asset: assetId.optional(), gateway: slugSchema.optional(), state: z.enum(['active', 'cleared']).optional(), ...pageInput }), answer: pageOf(localAlarmSchema),
    handle: ({ ctx, actor, site, query }) => listLocalAlarms(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...common, operationId: 'acknowledgeLocalAlarm', method: 'post', path: '/v1/local-alarms/{gateway}/{alarm}/acknowledge', right: 'alert.answer',
    summary: 'See to an alarm of a gateway', description: 'The gateway is told with the reply to its next report. One whose episode the platform has raised too is acknowledged there.',
    params: z.object({ gateway: slugSchema, alarm: z.string().min(1).max(80) }), body: acknowledgeLocalAlarmInput.pick({ comment: true }).strict(), answer: answeredSchema,
    handle: ({ ctx, actor, site, params: { gateway: id, alarm }, body }) => acknowledgeLocalAlarm(ctx, actor, { site, gateway: id, alarm, ...body }),
  }),
]
