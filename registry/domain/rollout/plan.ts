import { z } from 'zod'
import { slugSchema } from '../contract/primitives.ts'
import { guardsSchema } from './guards.ts'

/**
 * In this order: the release scores and raises nothing; it judges a slice of the machines; it judges all of them and is watched
 * for a while, the former champion scoring beside it.
 */
export const rolloutStages = ['shadow', 'canary', 'champion'] as const
export type RolloutStage = (typeof rolloutStages)[number]

/** Time to stay is wall time: what is waited for is people and machines, not readings. */
const dwellSeconds = z.int().min(0).max(90 * 86_400)
const minWindows = z.int().min(0).max(1_000_000).default(1).describe('So many windows scored by the release before it goes on, however long that takes')

/** Machines by name, or a share of them, picked evenly over criticalities. */
export const sliceRequestSchema = z.union([
  z.strictObject({ percent: z.number().gt(0).lt(100) }),
  z.strictObject({ assets: z.array(slugSchema).min(1).max(10_000) }),
], { error: 'say either percent, above 0 and below 100, or assets, machines by their ids; not both' })
export type SliceRequest = z.infer<typeof sliceRequestSchema>

const stages = {
  shadow: z.strictObject({ dwellSeconds, minWindows }).nullable().default(null).describe('Null: left out'),
  canary: z.strictObject({ dwellSeconds, minWindows, slice: sliceRequestSchema }).nullable().default(null).describe('Null: left out'),
  champion: z.strictObject({ dwellSeconds, minWindows }).nullable().default(null).describe('How long it is watched once it judges all; null: not at all'),
}
const manner = {
  advance: z.enum(['automatic', 'manual']).default('automatic').describe('manual: somebody says when the next stage begins, once this one is through'),
  checkEverySeconds: z.int().min(1).max(86_400).default(300).describe('How often the guards look'),
  guards: guardsSchema.prefault({}),
  rescore: z.boolean().optional().describe('When it is taken back, have the windows it judged judged anew by what judges then'),
}

/** How a release is to come into force, as asked for. */
export const rolloutRequestSchema = z.strictObject({ ...stages, ...manner })
  .refine(({ shadow, canary, champion }) => shadow !== null || canary !== null || champion !== null, {
    error: 'a rollout has at least one of the stages shadow, canary and champion; without any, leave the rollout out and the release is put in force at once',
  })
export type RolloutRequest = z.infer<typeof rolloutRequestSchema>

/** The same as approvers see it: the machines of the slice are named. */
export const rolloutPlanSchema = z.strictObject({
  ...stages, ...manner, canary: stages.canary.unwrap().unwrap().extend({ assets: z.array(slugSchema).min(1) }).nullable(),
})
export type RolloutPlan = z.infer<typeof rolloutPlanSchema>

/** The stages that a plan goes through; the last is always that the release judges all. */
export const stagesOf = (plan: Pick<RolloutPlan, 'shadow' | 'canary'>): RolloutStage[] =>
  rolloutStages.filter((stage) => stage === 'champion' || plan[stage] !== null)

/** Microseconds that a stage lasts at least. */
export const dwellUs = (plan: RolloutPlan, stage: RolloutStage): number => (plan[stage]?.dwellSeconds ?? 0) * 1_000_000

export const minWindowsOf = (plan: RolloutPlan, stage: RolloutStage): number => plan[stage]?.minWindows ?? 0
