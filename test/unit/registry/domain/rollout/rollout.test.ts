import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { GuardReading } from '../../../../../registry/domain/rollout/guards.ts'
import { dwellUs, minWindowsOf, rolloutPlanSchema, rolloutStages, sliceRequestSchema, stagesOf, type RolloutPlan, type RolloutStage } from '../../../../../registry/domain/rollout/plan.ts'
import { planText } from '../../../../../registry/domain/rollout/plan-text.ts'
import { seatsOf, startRollout, stepRollout, wakeUs, type Rollout, type RolloutAction } from '../../../../../registry/domain/rollout/rollout.ts'

const S = 1_000_000
const plan = (over: Record<string, unknown> = {}): RolloutPlan => rolloutPlanSchema.parse({
  shadow: { dwellSeconds: 100, minWindows: 10 }, canary: { dwellSeconds: 50, slice: { percent: 20 }, assets: ['m-1'] }, champion: { dwellSeconds: 30, minWindows: 0 }, ...over,
})
const fine: GuardReading = { guard: 'alertLoad', value: 1, limit: 3, tripped: false, assets: [] }
const bad: GuardReading = { guard: 'alertLoad', value: 9, limit: 3, tripped: true, assets: [{ asset: 'm-1', value: 8 }] }
const look = (stage: RolloutStage, windows = 100, readings = [fine]): RolloutAction => ({ kind: 'check', stage, windows, readings })

function run(rollout: Rollout, ...steps: [RolloutAction, number][]): Rollout {
  return steps.reduce((at, [action, nowUs]) => {
    const result = stepRollout(at, action, nowUs)
    assert.ok(result.ok, result.ok ? '' : result.message)
    return result.rollout
  }, rollout)
}

describe('a rollout', () => {
  it('goes from shadow over canary to champion, each for its time, and is done when it was watched', () => {
    const begun = startRollout(plan(), 0)
    assert.deepEqual([begun.stage, begun.state, seatsOf(begun)], ['shadow', 'running', { champion: null, slice: false, shadow: 'release' }])
    assert.equal(run(begun, [look('shadow'), 99 * S]).stage, 'shadow')
    assert.equal(run(begun, [look('shadow', 9), 200 * S]).stage, 'shadow', 'too few windows: it waits on')
    const canary = run(begun, [look('shadow'), 100 * S])
    assert.deepEqual([canary.stage, seatsOf(canary)], ['canary', { champion: null, slice: true, shadow: 'release' }])
    const champion = run(canary, [look('canary'), 150 * S])
    assert.deepEqual([champion.stage, seatsOf(champion)], ['champion', { champion: 'release', slice: false, shadow: 'former' }])
    const done = run(champion, [look('champion', 0), 180 * S])
    assert.deepEqual([done.state, seatsOf(done)], ['completed', { champion: 'release', slice: false, shadow: null }])
  })

  it('is rolled back by the guard that trips, and says which number on which machines', () => {
    const back = run(startRollout(plan(), 0), [look('shadow'), 100 * S], [look('canary', 1, [fine, bad]), 101 * S])
    assert.equal(back.state, 'rolled-back')
    assert.match(back.endedBecause ?? '', /9 alerts, at most 3 are allowed \(m-1: 8\)/)
    assert.deepEqual(seatsOf(back), { champion: null, slice: false, shadow: null })
    const late = run(startRollout(plan({ shadow: null, canary: null }), 0), [look('champion', 1, [bad]), 1 * S])
    assert.deepEqual([late.state, seatsOf(late).champion], ['rolled-back', 'former'])
  })

  it('names in its plan every machine of the canary, and which of two ways a slice may be said', () => {
    const assets = Array.from({ length: 40 }, (_, i) => `m-${i}`)
    assert.ok(planText(plan({ canary: { dwellSeconds: 50, slice: { percent: 20 }, assets } })).includes(`judges 40 machines (${assets.join(', ')}) for 50 s`))
    const both = sliceRequestSchema.safeParse({ percent: 20, assets })
    assert.match(both.error?.issues[0]?.message ?? '', /either percent, above 0 and below 100, or assets/)
    assert.match(sliceRequestSchema.safeParse({ percent: 150 }).error?.issues[0]?.message ?? '', /<100/)
  })

  it('waits for somebody where the plan says so', () => {
    const itself = stepRollout(startRollout(plan({}), 0), { kind: 'advance', by: 'mia', from: 'canary' }, 200 * S)
    assert.match(itself.ok ? '' : itself.message, /goes on by itself/, 'whatever stage is named')
    const never = stepRollout(startRollout(plan({ advance: 'manual', canary: null }), 0), { kind: 'advance', by: 'mia', from: 'canary' }, 200 * S)
    assert.equal(never.ok, false, 'its plan has no canary')
    const begun = startRollout(plan({ advance: 'manual' }), 0)
    const early = stepRollout(begun, { kind: 'advance', by: 'mia', from: 'shadow' }, 200 * S)
    assert.ok(!early.ok && early.code === 'conflict' && early.message.includes('not through yet'))
    const ready = run(begun, [look('shadow'), 100 * S])
    assert.deepEqual([ready.stage, ready.readyUs], ['shadow', 100 * S])
    assert.equal(stepRollout(ready, look('shadow'), 101 * S).ok && run(ready, [look('shadow'), 101 * S]).readyUs, 100 * S, 'told once')
    const canary = run(ready, [{ kind: 'advance', by: 'mia', from: 'shadow' }, 102 * S], [{ kind: 'advance', by: 'mia', from: 'shadow' }, 103 * S])
    assert.deepEqual([canary.stage, canary.readyUs], ['canary', undefined])
    const other = stepRollout(canary, { kind: 'advance', by: 'mia', from: 'champion' }, 104 * S)
    assert.ok(!other.ok && other.code === 'stale_state')
  })

  it('in any order of looks, clocks and people: goes forwards only, each stage for its time and windows, ends once, and never by itself in manual', () => {
    const stage = fc.constantFrom(...rolloutStages)
    const action: fc.Arbitrary<RolloutAction> = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('check' as const), stage, windows: fc.integer({ min: 0, max: 20 }), readings: fc.constantFrom([fine], [fine], [fine], [bad], []) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), by: fc.constant('mia'), from: stage }) },
      fc.record({ kind: fc.constant('stop' as const), by: fc.constantFrom('mia', 'ron'), reason: fc.constant('enough') }),
      fc.record({ kind: fc.constant('supersede' as const), by: fc.constant('gates'), reason: fc.constant('another') }),
    )
    const plans = fc.record({
      shadow: fc.option(fc.record({ dwellSeconds: fc.integer({ min: 0, max: 50 }), minWindows: fc.integer({ min: 0, max: 10 }) }), { nil: null }),
      canary: fc.option(fc.record({ dwellSeconds: fc.integer({ min: 0, max: 50 }), minWindows: fc.integer({ min: 0, max: 10 }) }), { nil: null }),
      champion: fc.option(fc.record({ dwellSeconds: fc.integer({ min: 0, max: 50 }) }), { nil: null }),
      advance: fc.constantFrom('automatic', 'manual'),
    }).filter((at) => at.shadow !== null || at.canary !== null || at.champion !== null)
      .map((at) => plan({ ...at, canary: at.canary && { ...at.canary, slice: { percent: 20 }, assets: ['m-1'] } }))
    fc.assert(fc.property(plans, fc.array(fc.tuple(action, fc.integer({ min: 0, max: 40 * S }))), (of, steps) => {
      let rollout = startRollout(of, 0)
      let nowUs = 0
      for (const [act, waits] of steps) {
        nowUs += waits
        const before = rollout
        const result = stepRollout(before, act, nowUs)
        rollout = result.rollout
        // Whoever lost the answer asks again: nothing happens twice.
        const again = stepRollout(rollout, act, nowUs)
        if (result.ok && result.change !== null && act.kind !== 'check') assert.ok(again.ok ? again.change === null : rollout.state !== 'running', `${act.kind} again`)
        if (!result.ok) assert.deepEqual(rollout, before, 'a refusal changes nothing')
        if (before.state !== 'running') assert.deepEqual(rollout, before, 'ended is ended')
        const [was, is] = [stagesOf(of).indexOf(before.stage), stagesOf(of).indexOf(rollout.stage)]
        assert.ok(is === was || is === was + 1, 'one stage at a time, and never back')
        if (is > was) {
          assert.ok(nowUs >= before.stageSinceUs + dwellUs(of, before.stage), 'its time was over')
          if (act.kind === 'check') assert.ok(of.advance === 'automatic' && act.windows >= minWindowsOf(of, before.stage) && !act.readings.includes(bad))
          else assert.ok(act.kind === 'advance' && of.advance === 'manual' && before.readyUs !== undefined)
        }
        const seats = seatsOf(rollout)
        if (rollout.state === 'completed') assert.deepEqual(seats, { champion: 'release', slice: false, shadow: null })
        else if (rollout.state !== 'running') assert.ok(!seats.slice && seats.shadow === null && seats.champion !== 'release', 'nothing of a release that was taken back is left')
        else assert.ok(wakeUs(rollout, nowUs) > nowUs)
      }
    }))
  })
})

describe('the plan of a rollout', () => {
  it('has a stage, whole times and a slice that is a part', async () => {
    const { rolloutRequestSchema } = await import('../../../../../registry/domain/rollout/plan.ts')
    for (const wrong of [{}, { shadow: null }, { shadow: { dwellSeconds: -1 } }, { canary: { dwellSeconds: 1 } }, { canary: { dwellSeconds: 1, slice: { percent: 100 } } },
      { canary: { dwellSeconds: 1, slice: { assets: [] } } }, { shadow: { dwellSeconds: 1 }, guards: { alertLoud: null } }]) {
      assert.equal(rolloutRequestSchema.safeParse(wrong).success, false, JSON.stringify(wrong))
    }
    const parsed = rolloutRequestSchema.parse({ shadow: { dwellSeconds: 60 }, guards: { latency: null, disagreement: { maxShare: 0.3 } } })
    assert.deepEqual([parsed.advance, parsed.shadow?.minWindows, parsed.guards.latency, parsed.guards.disagreement?.maxShare, parsed.guards.alertLoad], ['automatic', 1, null, 0.3, { timesChampion: 2, plus: 3 }])
  })
})
