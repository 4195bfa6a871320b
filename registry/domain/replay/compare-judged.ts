import type { JudgedWindow } from '../contract/judged-window.ts'
import { withinTolerance } from './compare.ts'

/** What the platform judged of the same window of a machine, by its champion. */
export interface PlatformWindow {
  readonly releaseDigest: string
  readonly score: number | null
  readonly confidence: number | null
  readonly fired: string | null
  /** It decided something: not suppressed by maintenance, not in the backfill lane, not behind a decided one. */
  readonly decided: boolean
}

export interface JudgedDifference {
  readonly windowEndUs: number
  readonly what: 'score' | 'confidence' | 'fired'
  readonly gateway: number | string | null
  readonly platform: number | string | null
}

export type JudgedVerdict =
  | { readonly verdict: 'agreeing'; readonly relative: number }
  | { readonly verdict: 'differing'; readonly relative: number; readonly difference: JudgedDifference }
  | { readonly verdict: 'other_release' | 'absent' | 'waits' }

/**
 * Holds what a gateway judged against the platform's own judgement of the window, by the class that the gateway stated.
 * @param closedThroughUs up to where the platform has closed the machine's windows; null: it has not begun, or knows no such machine
 */
export function compareJudged(judged: JudgedWindow, platform: PlatformWindow | undefined, closedThroughUs: number | null): JudgedVerdict {
  if (platform === undefined) return { verdict: closedThroughUs !== null && closedThroughUs >= judged.endUs ? 'absent' : 'waits' }
  if (platform.releaseDigest !== judged.release.digest) return { verdict: 'other_release' }
  const { score, confidence, fired, endUs: windowEndUs, tolerance } = judged
  const relative = score === null || platform.score === null || score === platform.score ? 0 : Math.abs(score - platform.score) / Math.max(Math.abs(platform.score), Number.MIN_VALUE)
  const same = (a: number | null, b: number | null) => (a === null || b === null ? a === b : tolerance === null ? Object.is(a, b) : withinTolerance(a, b, tolerance))
  const differs = (what: JudgedDifference['what'], gateway: JudgedDifference['gateway'], other: JudgedDifference['platform']): JudgedVerdict =>
    ({ verdict: 'differing', relative, difference: { windowEndUs, what, gateway, platform: other } })
  if (!same(score, platform.score)) return differs('score', score, platform.score)
  if (!same(confidence, platform.confidence)) return differs('confidence', confidence, platform.confidence)
  if (judged.decided && platform.decided && fired !== platform.fired) return differs('fired', fired, platform.fired)
  return { verdict: 'agreeing', relative }
}
