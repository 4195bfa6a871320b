import { z } from 'zod'
import { severitySchema } from '../../registry/domain/contract/scored-event.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { getScore, listScores } from '../../registry/services/read/scores.ts'
import { replayAlert, replayPeriod } from '../../registry/services/replay/replay-period.ts'
import { replayScore } from '../../registry/services/replay/replay-score.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'
import { anyJson, assetId, inMicros, instantUs, laneSchema, rangeQuery, roleSchema, serialOf } from './common.ts'

const score = {
  id: z.string(),
  asset: z.string(),
  windowStart: z.string(),
  windowEnd: z.string(),
  revision: z.number().int(),
  lane: laneSchema,
  release: z.string(),
  model: z.object({ name: z.string(), version: z.number().int() }),
  role: roleSchema,
  rescore: z.string().nullable().describe('The operation that judged the window anew; null: what was said then'),
  score: z.number().nullable(),
  confidence: z.number().nullable(),
  severity: severitySchema.nullable().describe('Of the rule in force after this window'),
  commitNumber: z.number().int(),
  scoredAt: z.string(),
}
const scoreSchema = z.object(score).meta({ id: 'Score' })

const decisionSchema = z
  .object({
    fired: z.string().nullable(),
    severity: severitySchema.nullable(),
    failureMode: z.string().nullable(),
    recommendedAction: z.string().nullable(),
    rules: z.array(z.object({
      rule: z.string(),
      state: z.string(),
      value: z.number().nullable(),
      raiseAt: z.number(),
      clearAt: z.number(),
      since: z.string(),
      transition: z.enum(['raised', 'cleared']).nullable(),
    })),
  })
  .meta({ id: 'Decision' })

const scoreDetailSchema = z
  .object({
    ...score,
    contributions: z.array(z.object({ feature: z.string(), share: z.number() })).describe('Largest first'),
    decision: decisionSchema.nullable().describe('The champion’s only'),
    runtimeDigest: z.string(),
    windowId: z.string(),
    traceId: z.string(),
  })
  .meta({ id: 'ScoreDetail' })

const common = { tag: 'Twins', scope: 'site' } as const

const outcome = z.object({ score: z.number().nullable(), confidence: z.number().nullable(), decision: anyJson })
const incidentsSchema = z.array(z.object({ id: z.string(), opened: z.boolean().describe('Otherwise it was open before') })).describe('Incidents that what failed opened, or counts towards; GET /v1/incidents/{incident}')
const replaySchema = z
  .object({
    scoreId: z.string(),
    class: z.enum(['exact', 'equivalent', 'expired', 'failed']).describe(
      'exact: to the bit, in the same runtime; equivalent: within the model’s tolerance, in another; expired: what it rested on is gone; failed: an incident'),
    comparison: z.enum(['exact', 'equivalent']).describe('Which comparison was made'),
    expected: outcome,
    recomputed: outcome.nullable(),
    firstDifference: z.object({ what: z.string(), stored: anyJson, recomputed: anyJson }).nullable(),
    gone: z.array(z.string()).describe('What is no longer kept'),
    runtime: z.object({ then: z.string(), now: z.string() }),
    incidents: incidentsSchema,
  })
  .meta({ id: 'Replay' })

const periodReplaySchema = z
  .object({
    asset: z.string(),
    from: z.string().describe('Event time: end of the first window that was replayed'),
    to: z.string().describe('… and of the last'),
    more: z.boolean().describe('There are more than one answer holds: ask again, from `to` on'),
    releases: z.array(z.string()),
    windows: z.number().int(),
    class: replaySchema.shape.class.describe('The worst of its windows'),
    classes: z.object({ exact: z.number().int(), equivalent: z.number().int(), expired: z.number().int(), failed: z.number().int() }),
    firstDifference: z.object({ scoreId: z.string(), windowEnd: z.string(), what: z.string(), stored: anyJson, recomputed: anyJson }).nullable(),
    incidents: incidentsSchema,
  })
  .meta({ id: 'PeriodReplay' })

export const scoreEndpoints = ({ scorer }: Pick<ApiDeps, 'scorer'>) => [
  endpoint({
    ...common, operationId: 'listScores', method: 'get', path: '/v1/scores', right: 'read', summary: 'Scores of one asset, by the end of their windows',
    query: z.object({
      asset: assetId, ...rangeQuery, release: z.string().max(100).optional(), role: roleSchema.optional(), lane: laneSchema.optional(),
      order: z.enum(['asc', 'desc']).default('asc'), ...pageInput,
    }),
    answer: pageOf(scoreSchema),
    handle: ({ ctx, actor, site, query }) => listScores(ctx, actor, { site, ...inMicros(query) }),
  }),
  endpoint({
    ...common, operationId: 'getScore', method: 'get', path: '/v1/scores/{score}', right: 'read', summary: 'One score: what it is made of and what it decided',
    params: z.object({ score: serialOf('score') }), answer: scoreDetailSchema,
    handle: ({ ctx, actor, site, params }) => getScore(ctx, actor, { site, score: params.score }),
  }),
  endpoint({
    ...common, operationId: 'replayScore', method: 'post', path: '/v1/scores/{score}/replay', right: 'score.replay',
    summary: 'Compute a score and its decision again from what was stored, and say whether they agree',
    params: z.object({ score: serialOf('score') }), answer: replaySchema,
    handle: async ({ ctx, actor, site, params }) => replayScore({ ...ctx, scorer: await scorer() }, actor, { site, scoreId: params.score }),
  }),
  endpoint({
    ...common, operationId: 'replayAsset', method: 'post', path: '/v1/assets/{asset}/replay', right: 'score.replay',
    summary: 'Replay what was decided about a machine in a time, under the versions in force then',
    description: 'Every window from its readings, and that each went on from where the one before it had left the rules; 500 windows an answer. What fails opens an incident a trouble, or counts towards the open one, and is announced once as `replay.failed`.',
    params: z.object({ asset: assetId }), body: z.strictObject({ from: instantUs.describe('Event time: windows that end after this; RFC 3339'), to: instantUs.describe('… and not later than this') }),
    answer: periodReplaySchema,
    handle: async ({ ctx, actor, site, params, body }) => replayPeriod({ ...ctx, scorer: await scorer() }, actor, { site, asset: params.asset, fromUs: body.from, toUs: body.to }),
  }),
  endpoint({
    ...common, operationId: 'replayAlert', method: 'post', path: '/v1/alerts/{alert}/replay', right: 'score.replay', locate: { kind: 'alert', param: 'alert' },
    summary: 'Replay what was decided from where the rule of an alert began to hold until it cleared',
    params: z.object({ alert: uuidOf('alert') }), answer: periodReplaySchema,
    handle: async ({ ctx, actor, site, params }) => replayAlert({ ...ctx, scorer: await scorer() }, actor, { site, alert: params.alert }),
  }),
]
