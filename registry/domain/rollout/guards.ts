import { z } from 'zod'
import { counted } from '../counted.ts'
import type { AssetMeasures, RolloutMeasures } from './measures.ts'

const share = z.number().min(0).max(1)

/** What must not happen while a release comes into force. Each can be set or switched off (null). */
export const guardsSchema = z.strictObject({
  fromWindows: z.int().min(1).max(1_000_000).default(100).describe('Shares and distributions are judged from so many windows on: of a few, chance says more'),
  alertLoad: z.strictObject({ timesChampion: z.number().min(0).max(1000).default(2), plus: z.int().min(0).max(1_000_000).default(3) }).nullable().prefault({})
    .describe('Alerts: at most so many times the champion’s, and so many more'),
  disagreement: z.strictObject({ maxShare: share.default(0.1) }).nullable().prefault({}).describe('Windows in which one of the two is in alarm and the other is not'),
  scoreShift: z.strictObject({ maxPsi: z.number().min(0).max(100).default(0.5) }).nullable().prefault({})
    .describe('How differently the confidences of the two are spread over the same windows (population stability index)'),
  dataQuality: z.strictObject({ goodFraction: share.default(0.5), maxShare: share.default(0.2) }).nullable().prefault({})
    .describe('Windows of which less than `goodFraction` was good, or that the champion scored and this release could not'),
  feedback: z.strictObject({ maxFalseAlarms: z.int().min(0).max(1_000_000).default(0) }).nullable().prefault({})
    .describe('Alerts of this release that a technician called false'),
  latency: z.strictObject({ p95Seconds: z.number().gt(0).max(86_400).default(60) }).nullable().prefault({})
    .describe('From the arrival of a batch to its decisions, at the 95th percentile'),
})
export type Guards = z.infer<typeof guardsSchema>
export const guardNames = ['alertLoad', 'disagreement', 'scoreShift', 'dataQuality', 'feedback', 'latency'] as const
export type GuardName = (typeof guardNames)[number]

/** What one guard saw. `value` null: nothing to judge by yet. */
export interface GuardReading {
  readonly guard: GuardName
  readonly value: number | null
  readonly limit: number
  readonly tripped: boolean
  /** The machines that brought it there, those with most first; none where it is about all of them together. */
  readonly assets: readonly { readonly asset: string; readonly value: number }[]
}

const NAMED = 10

/** Every guard that is set, against what was measured in the stage so far. */
export function readGuards(guards: Guards, measures: RolloutMeasures): GuardReading[] {
  const { assets } = measures
  const sum = (of: (at: AssetMeasures) => number) => assets.reduce((total, at) => total + of(at), 0)
  const enough = (windows: number) => windows >= guards.fromWindows
  const readings: (GuardReading | null)[] = [
    guards.alertLoad && measured('alertLoad', sum((at) => at.alerts), guards.alertLoad.timesChampion * sum((at) => at.championAlerts) + guards.alertLoad.plus,
      blame(assets, (at) => at.alerts - at.championAlerts)),
    guards.disagreement && measured('disagreement', shareOf(sum((at) => at.disagreeing), sum((at) => at.compared), enough), guards.disagreement.maxShare,
      blame(assets, (at) => at.disagreeing)),
    guards.scoreShift && measured('scoreShift', enough(sum((at) => at.compared)) ? measures.psi : null, guards.scoreShift.maxPsi, []),
    guards.dataQuality && measured('dataQuality', shareOf(sum((at) => at.poor + at.unscored), sum((at) => at.windows), enough), guards.dataQuality.maxShare,
      blame(assets, (at) => at.poor + at.unscored)),
    guards.feedback && measured('feedback', sum((at) => at.falseAlarms), guards.feedback.maxFalseAlarms, blame(assets, (at) => at.falseAlarms)),
    guards.latency && measured('latency', measures.latencyP95Seconds, guards.latency.p95Seconds, []),
  ]
  return readings.filter((reading) => reading !== null)
}

function measured(guard: GuardName, value: number | null, limit: number, assets: GuardReading['assets']): GuardReading {
  return { guard, value, limit, tripped: value !== null && value > limit, assets }
}

const shareOf = (part: number, whole: number, enough: (windows: number) => boolean): number | null => (whole > 0 && enough(whole) ? part / whole : null)

function blame(assets: readonly AssetMeasures[], of: (at: AssetMeasures) => number): { asset: string; value: number }[] {
  return assets.map((at) => ({ asset: at.asset, value: of(at) })).filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value || (a.asset < b.asset ? -1 : 1)).slice(0, NAMED)
}

interface Words { readonly about: string; readonly seen: (value: number, limit: number) => string; /** Why there is no figure yet. */ readonly unseen: string }

const words: Readonly<Record<GuardName, Words>> = {
  alertLoad: { about: 'alert load', seen: (value, limit) => `it would have raised ${counted(value, 'alert')}, at most ${allowed(limit)}`, unseen: 'no windows yet' },
  disagreement: {
    about: 'disagreement', seen: (value, limit) => `it differs from the champion in a share of ${shown(value)} of the windows, at most ${shown(limit)} is allowed`,
    unseen: 'too few windows yet that both it and the champion scored',
  },
  scoreShift: {
    about: 'score distribution', seen: (value, limit) => `PSI ${shown(value)} against the champion on the same windows, at most ${shown(limit)} is allowed`,
    unseen: 'too few windows yet that both it and the champion scored',
  },
  dataQuality: {
    about: 'data quality', seen: (value, limit) => `a share of ${shown(value)} of the windows is poor or could not be scored, at most ${shown(limit)} is allowed`, unseen: 'too few windows yet',
  },
  feedback: { about: 'feedback', seen: (value, limit) => `${value} of its alerts ${value === 1 ? 'was' : 'were'} called false, at most ${allowed(limit)}`, unseen: 'no alerts yet' },
  latency: { about: 'latency', seen: (value, limit) => `${shown(value)} s from arrival to decision at the 95th percentile, at most ${shown(limit)} s are allowed`, unseen: 'nothing has arrived yet' },
}

/** Which number, against which limit, on which machines; or why there is none yet. */
export function guardText({ guard, value, limit, assets }: GuardReading): string {
  const { about, seen, unseen } = words[guard]
  if (value === null) return `${about}: ${unseen}`
  const where = assets.length === 0 ? '' : ` (${assets.map((at) => `${at.asset}: ${shown(at.value)}`).join(', ')})`
  return `${about}: ${seen(value, limit)}${where}`
}

const shown = (value: number): string => String(Number(value.toPrecision(3)))
const allowed = (limit: number): string => `${shown(limit)} ${limit === 1 ? 'is' : 'are'} allowed`
