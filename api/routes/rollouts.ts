import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { guardNames } from '../../registry/domain/rollout/guards.ts'
import { rolloutPlanSchema, rolloutStages } from '../../registry/domain/rollout/plan.ts'
import { rolloutStates } from '../../registry/domain/rollout/rollout.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { getRollout, listRollouts } from '../../registry/services/read/rollouts.ts'
import { advanceRollout, advanceRolloutInput, stopRollout, stopRolloutInput } from '../../registry/services/rollouts/steer-rollout.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'

const stage = z.enum(rolloutStages)
const state = z.enum(rolloutStates)

const rollout = {
  id: z.string().describe('The id of the gate that let it begin'),
  site: z.string(),
  family: z.string(),
  scope: z.string().describe('kind:id'),
  release: z.string(),
  former: z.string().nullable().describe('The champion it began beside, and goes back to; null: none'),
  state,
  stage: stage.describe('Where it is, or was when it ended'),
  stages: z.array(stage).describe('Those its plan goes through'),
  startedAt: z.string(),
  stageSince: z.string(),
  stageThrough: z.string().describe('When the stage has lasted long enough'),
  minWindows: z.number().int().describe('So many windows the stage wants scored'),
  ready: z.boolean().describe('The stage is through and somebody must say that the next may begin'),
  endedAt: z.string().nullable(),
  endedBy: z.string().nullable(),
  endedBecause: z.string().nullable().describe('Of a guard: which number, against which limit, on which machines'),
}
const rolloutSchema = z.object(rollout).meta({ id: 'Rollout' })
const readingSchema = z.object({
  guard: z.enum(guardNames), value: z.number().nullable().describe('Null: nothing to judge by yet'), limit: z.number(), tripped: z.boolean(),
  assets: z.array(z.object({ asset: z.string(), value: z.number() })).describe('The machines with most of it'), text: z.string(),
}).meta({ id: 'GuardReading' })
const rolloutDetailSchema = z.object({
  ...rollout, plan: rolloutPlanSchema,
  checks: z.array(z.object({ stage, at: z.string(), windows: z.number().int(), readings: z.array(readingSchema) })).describe('What the guards saw, oldest first'),
}).meta({ id: 'RolloutDetail' })
const steeredSchema = z.object({
  rollout: z.string(), state, stage, back: z.object({ assignment: z.string(), release: z.string() }).nullable().describe('What judges all again, where the release had judged all'),
  rescore: z.string().nullable().describe('The operation that judges anew what the release judged; null: none'),
  repeated: z.boolean().describe('It was so before'),
}).meta({ id: 'RolloutSteered' })

const reading = { tag: 'Governance', method: 'get', right: 'read' } as const
const writing = { tag: 'Governance', method: 'post', scope: 'site', right: 'rollout.steer' } as const
const one = { params: z.object({ rollout: uuidOf('rollout') }), locate: { kind: 'rollout', param: 'rollout' } } as const

export const rolloutEndpoints = [
  endpoint({
    ...reading, operationId: 'listRollouts', path: '/v1/rollouts', scope: 'sites', summary: 'Releases on their way into force, and those that were, newest first',
    query: z.object({ family: slugSchema.optional(), state: state.optional(), ...pageInput }), answer: pageOf(rolloutSchema),
    handle: ({ ctx, actor, site, query }) => listRollouts(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...reading, ...one, operationId: 'getRollout', path: '/v1/rollouts/{rollout}', scope: 'site', summary: 'One rollout with its plan and what its guards saw', answer: rolloutDetailSchema,
    handle: ({ ctx, actor, site, params }) => getRollout(ctx, actor, { site, rollout: params.rollout }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'stopRollout', path: '/v1/rollouts/{rollout}/stop', summary: 'Take the release back at whatever stage it is: what judged before judges again, at once',
    body: stopRolloutInput.omit({ site: true, rollout: true }).strict(), answer: steeredSchema,
    handle: ({ ctx, actor, site, params, body }) => stopRollout(ctx, actor, { site, rollout: params.rollout, ...body }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'advanceRollout', path: '/v1/rollouts/{rollout}/advance', summary: 'Say that the next stage may begin, where the plan leaves that to people',
    body: advanceRolloutInput.omit({ site: true, rollout: true }).strict(), answer: steeredSchema,
    handle: ({ ctx, actor, site, params, body }) => advanceRollout(ctx, actor, { site, rollout: params.rollout, ...body }),
  }),
]
