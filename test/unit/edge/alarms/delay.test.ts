import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OFF, stepDelay, type Phase } from '../../../../edge/alarms/delay.ts'
import type { Truth } from '../../../../edge/alarms/sense.ts'
import { effort } from '../../../helpers/effort.ts'

interface Look { readonly truth: Truth; readonly us: number }
const looks = fc.array(fc.record({ truth: fc.constantFrom<Truth>(true, false, null), afterUs: fc.integer({ min: 0, max: 40 }) }), { maxLength: 60 })
  .map((steps) => steps.reduce<Look[]>((all, { truth, afterUs }) => [...all, { truth, us: (all.at(-1)?.us ?? 1000) + afterUs }], []))

/** By definition: an alarm is raised at the first look at which the condition has held, unknown looks aside, for its delay. */
function oracle(all: readonly Look[], onDelayUs: number, offDelayUs: number): string[] {
  const out: string[] = []
  let raised = false
  let sinceUs: number | null = null
  for (const { truth, us } of all.filter((look) => look.truth !== null)) {
    if (truth === raised) {
      sinceUs = null
      continue
    }
    sinceUs ??= us
    if (us - sinceUs < (raised ? offDelayUs : onDelayUs)) continue
    out.push(`${raised ? 'clear' : 'raise'} ${sinceUs} at ${us}`)
    raised = !raised
    sinceUs = null
  }
  return out
}

test('raises and clears as the delays say, for any course of a condition; what is unknown changes nothing', () => {
  fc.assert(fc.property(looks, fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (all, onDelayUs, offDelayUs) => {
    let phase: Phase = OFF
    const out: string[] = []
    for (const { truth, us } of all) {
      const stepped = stepDelay(phase, truth, { sourceUs: us, nowUs: us }, { onDelayUs, offDelayUs })
      phase = stepped.phase
      if (stepped.change) out.push(`${stepped.change.kind} ${stepped.change.sinceUs} at ${us}`)
    }
    assert.deepEqual(out, oracle(all, onDelayUs, offDelayUs))
  }), { numRuns: effort(500) })
})

test('a machine that tells changes alone says nothing more: the gateway\'s clock lets the delay run out', () => {
  const delays = { onDelayUs: 10_000, offDelayUs: 0 }
  const rising = stepDelay(OFF, true, { sourceUs: 5_000, nowUs: 900_000 }, delays)
  assert.deepEqual(rising, { phase: { kind: 'rising', sinceUs: 5_000, seenUs: 900_000 }, change: null })
  assert.equal(stepDelay(rising.phase, true, { sourceUs: null, nowUs: 909_999 }, delays).change, null)
  assert.deepEqual(stepDelay(rising.phase, true, { sourceUs: null, nowUs: 910_000 }, delays).change, { kind: 'raise', sinceUs: 5_000 })
  assert.deepEqual(stepDelay(rising.phase, null, { sourceUs: null, nowUs: 990_000 }, delays), { phase: rising.phase, change: null }, 'the machine is lost: nobody knows')
})
