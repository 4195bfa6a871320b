import type { Truth } from './sense.ts'

/**
 * Where a rule stands between its condition and its alarm. `rising`: the condition holds, the on-delay runs; `falling`: it
 * is over, the off-delay runs. Since when: by the source's time, and by the gateway's clock when that was seen.
 */
export type Phase =
  | { readonly kind: 'off' | 'on' }
  | { readonly kind: 'rising' | 'falling'; readonly sinceUs: number; readonly seenUs: number }

export interface Delays { readonly onDelayUs: number; readonly offDelayUs: number }

export interface Stepped {
  readonly phase: Phase
  /** What becomes of the alarm by this step, and since when its condition held, or was over: source time, UTC microseconds. */
  readonly change: { readonly kind: 'raise' | 'clear'; readonly sinceUs: number } | null
}

export const OFF: Phase = { kind: 'off' }
export const ON: Phase = { kind: 'on' }

/**
 * One look at the condition. The delay runs by whichever has gone further: source time, as readings come, or the gateway's
 * clock, where a machine that tells changes alone says nothing more. What is unknown changes nothing.
 *
 * @param sourceUs source time of the reading that is looked at; null: time passed and no reading came
 */
export function stepDelay(phase: Phase, truth: Truth, at: { readonly sourceUs: number | null; readonly nowUs: number }, { onDelayUs, offDelayUs }: Delays): Stepped {
  if (truth === null) return { phase, change: null }
  const raised = phase.kind === 'on' || phase.kind === 'falling'
  if (truth === raised) return { phase: raised ? ON : OFF, change: null }
  const under = phase.kind === 'rising' || phase.kind === 'falling' ? phase
    : { kind: truth ? 'rising' : 'falling', sinceUs: at.sourceUs ?? at.nowUs, seenUs: at.nowUs } as const
  const passedUs = Math.max((at.sourceUs ?? under.sinceUs) - under.sinceUs, at.nowUs - under.seenUs)
  if (passedUs < (truth ? onDelayUs : offDelayUs)) return { phase: under, change: null }
  return { phase: truth ? ON : OFF, change: { kind: truth ? 'raise' : 'clear', sinceUs: under.sinceUs } }
}
