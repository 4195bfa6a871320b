import { microsToIso } from '../contract/time.ts'
import type { Lane } from '../contract/batch.ts'
import type { Severity } from '../contract/scored-event.ts'
import { matchEpisodes } from '../evaluation/match-episodes.ts'
import { byText, type RaisedEpisode } from '../evaluation/fold-columns.ts'
import type { Decision, DecisionState } from '../policy/decide.ts'

/** One window as it was judged, and as other versions would have judged it. NaN where there is no figure. */
export interface JudgedTwice {
  readonly scoreId: string
  readonly lane: Lane
  readonly endUs: number
  readonly before: Side
  readonly after: Side
}
/** `decision` is null where the window decided nothing. */
export interface Side { readonly score: number; readonly confidence: number; readonly decision: Decision | null }

export interface Figures { readonly score: number | null; readonly confidence: number | null }
export interface Decided { readonly fired: string | null; readonly severity: Severity | null; readonly inForce: readonly string[] }
export interface AlertAt { readonly lane: Lane; readonly rule: string; readonly raised: string; readonly cleared: string | null; /** Of the window that raises it; null: it was raised before the first. */ readonly scoreId: string | null }
export interface AlertMoved extends AlertAt {
  /** When it was raised then, and by which score. */
  readonly before: string
  readonly beforeScoreId: string | null
  /** Below 0: earlier than then. */
  readonly shiftSeconds: number
}

/** What would have been otherwise. Plain JSON. */
export interface WhatIf {
  readonly scores: {
    readonly differing: number
    /** Windows with a figure on one side alone. */
    readonly onOneSide: number
    readonly greatest: { readonly scoreId: string; readonly windowEnd: string; readonly before: Figures; readonly after: Figures; readonly difference: number } | null
  }
  readonly decisions: {
    readonly differing: number
    readonly first: { readonly scoreId: string; readonly windowEnd: string; readonly before: Decided | null; readonly after: Decided | null } | null
  }
  readonly alerts: { readonly before: number; readonly after: number; readonly kept: number; readonly moved: number; readonly gained: number; readonly lost: number }
  readonly gained: readonly AlertAt[]
  readonly lost: readonly AlertAt[]
  readonly moved: readonly AlertMoved[]
}

/**
 * Holds two judgements of the same windows against each other. Both sides begin where the rules stood before the first
 * window of each lane; alerts that were open there count on both. Changes are listed up to `listed` of a kind, counts are whole.
 *
 * @param windows in the order of their fold, lane by lane or mixed
 */
export function compareJudgements(windows: readonly JudgedTwice[], startOf: (lane: Lane) => DecisionState | null, listed: number): WhatIf {
  const lanes = [...new Set(windows.map(({ lane }) => lane))].sort(byText)
  const changes = lanes.map((lane) => {
    const mine = windows.filter((window) => window.lane === lane)
    const episodes = (side: 'before' | 'after') => episodesOf(mine.map((window) => ({ endUs: window.endUs, decision: window[side].decision })), startOf(lane))
    const [was, is] = [episodes('before'), episodes('after')]
    const at = new Map(mine.map(({ endUs, scoreId }) => [endUs, scoreId]))
    const alert = ({ rule, raisedUs, clearedUs }: RaisedEpisode): AlertAt => (
      { lane, rule, raised: microsToIso(raisedUs), cleared: clearedUs === null ? null : microsToIso(clearedUs), scoreId: at.get(raisedUs) ?? null })
    const { kept, moved, gained, lost } = matchEpisodes(was, is)
    return {
      before: was.length, after: is.length, kept: kept.length, gained: gained.map(alert), lost: lost.map(alert),
      moved: moved.map(({ before, after }): AlertMoved => (
        { ...alert(after), before: microsToIso(before.raisedUs), beforeScoreId: at.get(before.raisedUs) ?? null, shiftSeconds: (after.raisedUs - before.raisedUs) / 1e6 })),
    }
  })
  const all = <K extends 'gained' | 'lost' | 'moved'>(kind: K) => changes.flatMap((each) => each[kind] as (typeof changes)[number][K][number][]).sort((a, b) => byText(a.raised, b.raised) || byText(a.rule, b.rule))
  const sum = (count: (each: (typeof changes)[number]) => number) => changes.reduce((total, each) => total + count(each), 0)
  return {
    scores: scoreChanges(windows),
    decisions: decisionChanges(windows),
    alerts: {
      before: sum((each) => each.before), after: sum((each) => each.after), kept: sum((each) => each.kept),
      moved: sum((each) => each.moved.length), gained: sum((each) => each.gained.length), lost: sum((each) => each.lost.length),
    },
    gained: all('gained').slice(0, listed), lost: all('lost').slice(0, listed), moved: all('moved').slice(0, listed),
  }
}

function scoreChanges(windows: readonly JudgedTwice[]): WhatIf['scores'] {
  let differing = 0
  let onOneSide = 0
  let greatest: JudgedTwice | null = null
  let most = 0
  for (const window of windows) {
    const { before, after } = window
    const [was, is] = [Number.isFinite(before.score), Number.isFinite(after.score)]
    if (was !== is) onOneSide++
    if (was !== is || (was && before.score !== after.score)) differing++
    const difference = was && is ? Math.abs(after.score - before.score) : 0
    if (difference > most) [greatest, most] = [window, difference]
  }
  return {
    differing, onOneSide,
    greatest: greatest && { scoreId: greatest.scoreId, windowEnd: microsToIso(greatest.endUs), before: figures(greatest.before), after: figures(greatest.after), difference: most },
  }
}

function decisionChanges(windows: readonly JudgedTwice[]): WhatIf['decisions'] {
  let differing = 0
  let first: JudgedTwice | null = null
  for (const window of windows) {
    if (JSON.stringify(decided(window.before.decision)) === JSON.stringify(decided(window.after.decision))) continue
    differing++
    if (first === null || window.endUs < first.endUs) first = window
  }
  return { differing, first: first && { scoreId: first.scoreId, windowEnd: microsToIso(first.endUs), before: decided(first.before.decision), after: decided(first.after.decision) } }
}

/** What a decision says to people; its figures and levels are another matter. */
function decided(decision: Decision | null): Decided | null {
  return decision && {
    fired: decision.fired, severity: decision.severity,
    inForce: decision.rules.filter(({ state }) => state === 'active' || state === 'clearing').map(({ ruleId }) => ruleId).sort(byText),
  }
}

/** The alerts that decisions raise and clear, from where the rules stood. */
function episodesOf(windows: readonly { endUs: number; decision: Decision | null }[], start: DecisionState | null): RaisedEpisode[] {
  const open = new Map<string, number>()
  for (const [rule, state] of Object.entries(start?.rules ?? {})) {
    if (state.phase === 'active' || state.phase === 'clearing') open.set(rule, state.raisedUs ?? state.sinceUs)
  }
  const episodes: RaisedEpisode[] = []
  const end = (rule: string, atUs: number) => {
    const raisedUs = open.get(rule)
    if (raisedUs === undefined) return
    open.delete(rule)
    episodes.push({ asset: '', rule, raisedUs, clearedUs: atUs, closedUs: atUs })
  }
  for (const { endUs, decision } of windows) {
    for (const rule of decision?.retired ?? []) end(rule, endUs)
    for (const { ruleId, transition } of decision?.rules ?? []) {
      if (transition === 'raised') open.set(ruleId, endUs)
      else if (transition === 'cleared') end(ruleId, endUs)
    }
  }
  const lastUs = windows.at(-1)?.endUs ?? 0
  for (const [rule, raisedUs] of open) episodes.push({ asset: '', rule, raisedUs, clearedUs: null, closedUs: lastUs })
  return episodes.sort((a, b) => a.raisedUs - b.raisedUs || byText(a.rule, b.rule))
}

const figures = ({ score, confidence }: Side): Figures => ({ score: Number.isFinite(score) ? score : null, confidence: Number.isFinite(confidence) ? confidence : null })
