import { isoToMicros, microsToIso } from '../contract/time.ts'
import type { Decision } from '../policy/decide.ts'
import type { RuleCloseness } from './health.ts'
import type { Trend } from './trend.ts'

/** What a twin answers at any moment, in a sentence each; the figures behind them stand beside them. */
export interface Questions {
  readonly drifting: string
  readonly howFast: string
  readonly failureMode: string
  readonly whatToDo: string
}

export interface TwinFacts {
  readonly trend: Trend
  /** End of the newest scored window; null when nothing was scored. */
  readonly newestUs: number | null
  /** When the trend reaches the level at which the first rule on confidence raises. */
  readonly reachesUs: number | null
  readonly closeness: readonly RuleCloseness[]
  readonly drivers: readonly { readonly feature: string; readonly share: number }[]
  readonly decision: Pick<Decision, 'fired' | 'recommendedAction' | 'failureMode'> | null
  readonly openAlerts: number
  readonly nextPlannedStop: string | null
}

/** From here on (of 1, where a rule raises) a rule is worth a word before it raises. */
const NEAR = 0.75

/** Puts the figures into words. Says what is not known rather than guessing. */
export function answerQuestions(facts: TwinFacts): Questions {
  if (facts.newestUs === null) {
    return {
      drifting: 'Not known: nothing was scored yet. It takes readings and a release in force.',
      howFast: 'Not known.', failureMode: 'Not known.', whatToDo: 'Connect its tags and put a release in force for its family.',
    }
  }
  return { drifting: drifting(facts), howFast: howFast(facts), failureMode: failureMode(facts), whatToDo: whatToDo(facts) }
}

function drifting({ trend }: TwinFacts): string {
  switch (trend.verdict) {
    case 'insufficient_data': return `Too early to say: ${trend.points === 1 ? '1 interval was' : `${trend.points} intervals were`} scored in the last week, 8 are needed.`
    case 'steady': return 'No: over the last week it stayed as unusual as it was.'
    case 'rising': return `Yes: over the last week it became steadily more unusual (Mann–Kendall ${probability(trend.pValue)}).`
    case 'falling': return `No: over the last week it came back towards normal (Mann–Kendall ${probability(trend.pValue)}).`
  }
}

function howFast({ trend, reachesUs, newestUs }: TwinFacts): string {
  if (trend.verdict === 'insufficient_data') return 'Not known.'
  if (trend.verdict === 'steady') return 'It does not move.'
  const pace = `Windows like its own become ${figure(10 ** Math.abs(trend.slopePerDay))} times ${trend.slopePerDay > 0 ? 'rarer' : 'more usual'} each day.`
  if (reachesUs === null || newestUs === null) return pace
  return reachesUs <= newestUs ? `${pace} It has passed the level at which the policy raises.`
    : `${pace} At this pace it reaches the level at which the policy raises on ${microsToIso(reachesUs).slice(0, 16).replace('T', ' ')} UTC.`
}

function failureMode({ closeness, drivers, decision }: TwinFacts): string {
  const nearest = closeness.find((rule) => rule.failureMode !== null)
  const mode = decision?.failureMode ?? (nearest && nearest.closeness >= NEAR ? nearest.failureMode : null)
  const because = drivers.filter(({ share }) => share >= 0.01).slice(0, 3).map(({ feature, share }) => `${feature} ${Math.round(share * 100)} %`).join(', ')
  if (mode === null) return 'None stands out.'
  return `${mode}${because === '' ? '' : `: the score is driven by ${because}`}.`
}

function whatToDo({ decision, closeness, openAlerts, reachesUs, newestUs, nextPlannedStop }: TwinFacts): string {
  const stop = nextPlannedStop === null ? '' : ` The next planned stop is ${microsToIso(isoToMicros(nextPlannedStop)).slice(0, 16).replace('T', ' ')} UTC.`
  if (decision?.recommendedAction) return `${decision.recommendedAction}${stop}`
  if (openAlerts > 0) return `Close what is open: ${openAlerts} ${openAlerts === 1 ? 'alert waits' : 'alerts wait'} for feedback.${stop}`
  const nearest = closeness[0]
  const soon = reachesUs !== null && newestUs !== null
  if (nearest && (nearest.closeness >= NEAR || soon)) return `Watch it, and plan ahead: ${nearest.recommendedAction}${stop}`
  return 'Nothing now.'
}

const probability = (p: number): string => (p < 0.001 ? 'p < 0.001' : `p = ${figure(p)}`)
const figure = (value: number): string => (value !== 0 && value < 0.001 ? value.toExponential(0) : String(Number(value.toPrecision(2))))
