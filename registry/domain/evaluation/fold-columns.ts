import type { Policy, PolicyRule } from '../policy/policy.ts'
import { ACTIVE, CLEARING, levelsOf, nextPhase, NORMAL } from '../policy/rule-step.ts'

/** Scored windows of one asset, by strictly ascending window ends; what a back-test of millions runs over. */
export interface ScoreColumns {
  readonly endUs: Float64Array
  /** 1 where the machine was out of service by plan: the window decides nothing (ISA-18.2, 11.7). */
  readonly suppressed: Uint8Array
  /** By signal as rules name it (`confidence`, `score`, `feature:…`), NaN where missing; only what a rule watches need be here. */
  readonly signals: ReadonlyMap<string, Float64Array>
}

export interface AssetSeries { readonly asset: string; readonly columns: ScoreColumns }

/** Where the fold of one rule stands; `sinceUs` is NaN before the first window. */
export interface RuleFold { phase: number; sinceUs: number; raisedUs: number }

export const initialRuleFold = (): RuleFold => ({ phase: NORMAL, sinceUs: NaN, raisedUs: NaN })

/**
 * Folds one rule over windows [from, to) from where `fold` stands, and tells of each change of what is in force. The
 * step is that of `foldDecision`, which live decisions are made by; only the walk differs: by rule and column, without
 * an object a window, since rules do not know of each other. That both give the same is held to by a property test.
 */
export function foldRule(
  rule: PolicyRule, { endUs, suppressed, signals }: ScoreColumns, fold: RuleFold, from: number, to: number,
  change: (row: number, raised: boolean) => void,
): void {
  if (from >= to) return
  let { phase, sinceUs, raisedUs } = fold
  if (Number.isNaN(sinceUs)) sinceUs = endUs[from] as number
  const values = signals.get(rule.signal)
  if (values !== undefined) {
    const { sign, raiseAt, clearAt, onDelayUs, offDelayUs } = levelsOf(rule)
    for (let row = from; row < to; row++) {
      const value = sign * (values[row] as number)
      // Nearly every window: nothing pending and nothing to raise. NaN compares false, and so does a figure below.
      if (phase === NORMAL && !(value >= raiseAt)) continue
      // Also true of infinities, which count as missing.
      if (value - value !== 0 || suppressed[row] === 1) continue
      const nowUs = endUs[row] as number
      const next = nextPhase(phase, sinceUs, value, raiseAt, clearAt, onDelayUs, offDelayUs, nowUs)
      if (next === phase) continue
      const [was, is] = [phase >= ACTIVE, next >= ACTIVE]
      if (is && !was) raisedUs = nowUs
      sinceUs = phase === CLEARING && next === ACTIVE ? raisedUs : nowUs
      phase = next
      if (is !== was) change(row, is)
    }
  }
  fold.phase = phase
  fold.sinceUs = sinceUs
  fold.raisedUs = phase >= ACTIVE ? raisedUs : NaN
}

/** One alert that a policy would have raised. */
export interface RaisedEpisode {
  readonly asset: string
  readonly rule: string
  readonly raisedUs: number
  /** Null while it had not cleared by the end of what was folded. */
  readonly clearedUs: number | null
  /** When it cleared, else the last window. */
  readonly closedUs: number
}

/** Every episode of a policy over some assets, each from a standing start; by time raised, then asset and rule. */
export function foldEpisodes(policy: Pick<Policy, 'rules'>, series: readonly AssetSeries[]): RaisedEpisode[] {
  const episodes: RaisedEpisode[] = []
  for (const { asset, columns } of series) {
    const { endUs } = columns
    for (const rule of policy.rules) {
      let raisedUs = NaN
      foldRule(rule, columns, initialRuleFold(), 0, endUs.length, (row, raised) => {
        const atUs = endUs[row] as number
        if (!raised) episodes.push({ asset, rule: rule.id, raisedUs, clearedUs: atUs, closedUs: atUs })
        raisedUs = raised ? atUs : NaN
      })
      if (!Number.isNaN(raisedUs)) episodes.push({ asset, rule: rule.id, raisedUs, clearedUs: null, closedUs: endUs[endUs.length - 1] as number })
    }
  }
  return episodes.sort((a, b) => a.raisedUs - b.raisedUs || byText(a.asset, b.asset) || byText(a.rule, b.rule))
}

/** By code unit, the same on every machine. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
