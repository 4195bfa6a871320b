import type { AlarmJudgement } from '../../registry/domain/contract/local-alarm.ts'
import type { BundleManifest } from '../../registry/domain/bundle/manifest.ts'
import type { DecisionState, RulePhase } from '../../registry/domain/policy/decide.ts'
import type { PolicyRule } from '../../registry/domain/policy/policy.ts'
import type { RaisingRule } from '../alarms/alarm-book.ts'
import type { LocalScore } from './asset-judge.ts'

/** What decisions of a release change about the alarms of its machine. */
export type AlarmChange =
  | { readonly kind: 'raise'; readonly rule: RaisingRule; readonly sinceUs: number; readonly judgement: AlarmJudgement }
  | { readonly kind: 'clear'; readonly asset: string; readonly rule: string; readonly sinceUs: number; readonly because: 'normal' | 'rule-gone' }

/** Raised rules begin an alarm, cleared and retired ones end it, as on the platform. */
export function alarmChanges({ manifest }: { readonly manifest: BundleManifest }, score: LocalScore): AlarmChange[] {
  const { decision, asset, window: { endUs } } = score
  if (decision === null) return []
  const changes = decision.rules.flatMap(({ ruleId, transition, sinceUs, value }): AlarmChange[] => {
    if (transition === 'cleared') return [{ kind: 'clear', asset, rule: ruleId, sinceUs: endUs, because: 'normal' }]
    const rule = ruleOf(manifest, ruleId)
    return transition === 'raised' && rule !== undefined ? [raised(manifest, asset, rule, sinceUs, { value, score: score.score, confidence: score.confidence, replay: score.replay.class, window: score.window, bundle: score.bundle })] : []
  })
  return [...changes, ...decision.retired.map((rule): AlarmChange => ({ kind: 'clear', asset, rule, sinceUs: endUs, because: 'rule-gone' }))]
}

/**
 * What a machine's rules say should stand, where the book says something else: a power cut may lie between a decision and
 * its alarm. The figures that raised it are gone then.
 */
export function alarmsMissing(bundle: { readonly digest: string; readonly manifest: BundleManifest }, asset: string, state: DecisionState | null, standing: readonly string[]): AlarmChange[] {
  const { digest, manifest } = bundle
  const { windowUs } = manifest.featureSet.definition
  const inForce = Object.entries(state?.rules ?? {}).filter(([, { phase }]) => isInForce(phase))
  const raises = inForce.filter(([id]) => !standing.includes(id)).flatMap(([id, { sinceUs, raisedUs = sinceUs }]): AlarmChange[] => {
    const rule = ruleOf(manifest, id)
    if (rule === undefined) return []
    const replay = 'equivalent'
    return [raised(manifest, asset, rule, raisedUs, { value: null, score: NaN, confidence: NaN, replay, window: { startUs: raisedUs - windowUs, endUs: raisedUs }, bundle: { digest, issue: manifest.issue.number } })]
  })
  const over = standing.filter((id) => !inForce.some(([active]) => active === id))
  return [...raises, ...over.map((rule): AlarmChange => ({ kind: 'clear', asset, rule, sinceUs: state?.lastWindowEndUs ?? 0, because: 'normal' }))]
}

const ruleOf = ({ policy }: BundleManifest, id: string): PolicyRule | undefined => policy.definition.rules.find((rule) => rule.id === id)
const isInForce = (phase: RulePhase): boolean => phase === 'active' || phase === 'clearing'
const finiteOrNull = (x: number): number | null => (Number.isFinite(x) ? x : null)

type Figures = Pick<LocalScore, 'score' | 'confidence' | 'window' | 'bundle'> & Pick<AlarmJudgement, 'value' | 'replay'>

function raised({ release }: BundleManifest, asset: string, rule: PolicyRule, sinceUs: number, { value, score, confidence, replay, window, bundle }: Figures): AlarmChange {
  const { id, severity, recommendedAction, failureMode = null, signal, comparison, raiseAt, clearAt } = rule
  return {
    kind: 'raise', sinceUs,
    rule: { asset, name: id, severity, recommendedAction, message: `${failureMode === null ? '' : `${failureMode}: `}${signal} ${comparison} ${raiseAt}, judged by ${release.id}` },
    judgement: {
      release: { id: release.id, digest: release.digest }, bundle: { ...bundle }, window: { ...window }, score: finiteOrNull(score), confidence: finiteOrNull(confidence), signal, value, raiseAt, clearAt, failureMode, replay,
    },
  }
}
