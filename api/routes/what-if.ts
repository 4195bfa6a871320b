import { z } from 'zod'
import { severitySchema } from '../../registry/domain/contract/scored-event.ts'
import { otherVersionsInput } from '../../registry/services/replay/other-versions.ts'
import { whatIfAlert, whatIfPeriod, whatIfScore } from '../../registry/services/replay/what-if.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { assetId, instantUs, laneSchema, serialOf } from './common.ts'

const count = z.number().int()
const figures = z.object({ score: z.number().nullable(), confidence: z.number().nullable() })
const decided = z.object({ fired: z.string().nullable(), severity: severitySchema.nullable(), inForce: z.array(z.string()).describe('Rules') }).nullable()
const at = { scoreId: z.string(), windowEnd: z.string() }
const change = {
  lane: laneSchema, rule: z.string(), raised: z.string(), cleared: z.string().nullable().describe('Null: not by the end of it'),
  scoreId: z.string().nullable().describe('Of the window that raises it; null: it was open before'), alert: z.string().nullable().describe('The alert of then'),
}

const whatIfSchema = z
  .object({
    asset: z.string(),
    from: z.string().describe('Event time: end of the first window'),
    to: z.string().describe('… and of the last'),
    more: z.boolean().describe('Of an alert: it has more windows than one answer holds'),
    windows: count,
    measured: count.describe('Windows whose features were computed from readings, as known then'),
    unmeasured: count.describe('Windows with nothing to compute them from'),
    releases: z.array(z.string()).describe('What judged then'),
    under: z.object({ model: z.string().nullable(), featureSet: z.string().nullable(), policy: count.nullable() }).describe('What judges here; null: as then'),
    scores: z.object({
      differing: count,
      onOneSide: count.describe('Windows with a figure on one side alone'),
      greatest: z.object({ ...at, before: figures, after: figures, difference: z.number() }).nullable(),
    }),
    decisions: z.object({ differing: count, first: z.object({ ...at, before: decided, after: decided }).nullable() }),
    alerts: z.object({ before: count, after: count, kept: count, moved: count, gained: count, lost: count }),
    gained: z.array(z.object(change)),
    lost: z.array(z.object(change)),
    moved: z.array(z.object({
      ...change, before: z.string().describe('When it was raised then'), beforeScoreId: z.string().nullable(), shiftSeconds: z.number().describe('Below 0: earlier than then'),
    })),
  })
  .meta({ id: 'WhatIf' })

const common = { tag: 'Twins', method: 'post', right: 'score.replay', scope: 'site', answer: whatIfSchema } as const
const description = 'Name a release, or a model, a policyVersion and a featureSet, as far as they are to be others. Nothing is written. Changes of each kind end at 1,000; counts are whole.'
const versions = otherVersionsInput.shape

export const whatIfEndpoints = ({ scorer }: Pick<ApiDeps, 'scorer'>) => [
  endpoint({
    ...common, operationId: 'whatIfScore', path: '/v1/scores/{score}/what-if', summary: 'What other versions would have scored and decided of one window', description,
    params: z.object({ score: serialOf('score') }), body: z.strictObject(versions),
    handle: async ({ ctx, actor, site, params, body }) => whatIfScore({ ...ctx, scorer: await scorer() }, actor, { site, scoreId: params.score, ...body }),
  }),
  endpoint({
    ...common, operationId: 'whatIfAsset', path: '/v1/assets/{asset}/what-if', summary: 'What other versions would have scored, decided and alerted about a machine in a time',
    description: `${description} Up to 10,000 windows, 1,000 where they are to be computed from readings.`,
    params: z.object({ asset: assetId }),
    body: z.strictObject({ ...versions, from: instantUs.describe('Event time: windows that end after this; RFC 3339'), to: instantUs.describe('… and not later than this') }),
    handle: async ({ ctx, actor, site, params, body: { from, to, ...body } }) =>
      whatIfPeriod({ ...ctx, scorer: await scorer() }, actor, { site, asset: params.asset, fromUs: from, toUs: to, ...body }),
  }),
  endpoint({
    ...common, operationId: 'whatIfAlert', path: '/v1/alerts/{alert}/what-if', locate: { kind: 'alert', param: 'alert' },
    summary: 'What other versions would have made of an alert: from a day before its rule began to hold until it cleared', description,
    params: z.object({ alert: uuidOf('alert') }), body: z.strictObject(versions),
    handle: async ({ ctx, actor, site, params, body }) => whatIfAlert({ ...ctx, scorer: await scorer() }, actor, { site, alert: params.alert, ...body }),
  }),
]
