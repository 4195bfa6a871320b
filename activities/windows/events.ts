import type { ScoredEvent } from '../../registry/domain/contract/scored-event.ts'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import type { RuleDecision } from '../../registry/domain/policy/decide.ts'
import type { RoleTag } from '../../registry/domain/windows/window-readings.ts'
import type { AssetPlace } from '../../registry/store/releases-in-force.ts'
import type { Verdict } from './judge.ts'

/** Whether a window is news: a rule changed its state or is in force. Plain windows are only counted on the bus. */
export function isNews({ decision, score }: Verdict): boolean {
  return decision !== null && Number.isFinite(score) && (decision.severity !== null || decision.retired.length > 0
    || decision.rules.some((rule) => rule.transition !== undefined))
}

/** The event that leaves the platform for a scored window; see the contract's ScoredEvent. */
export function scoredEvent(verdict: Verdict, scoreId: string, site: string, place: AssetPlace, tags: readonly RoleTag[]): ScoredEvent {
  const { window, set, judge: { release, role }, decision } = verdict
  return {
    contract: 1,
    id: scoreId,
    site,
    asset: place.assetId,
    sensors: [...new Set(tags.filter((tag) => tag.fromUs < window.endUs && tag.toUs > window.startUs).map((tag) => tag.tagKey))],
    window: {
      asset: place.assetId, featureSet: `${set.set.name}@${set.set.version}`, start: microsToIso(window.startUs), end: microsToIso(window.endUs),
      revision: window.revision, lane: window.lane,
    },
    sourceTime: microsToIso(window.sourceUs),
    ingestTime: microsToIso(window.ingestUs),
    commitNumber: window.commitNumber,
    featureSet: { name: set.set.name, version: set.set.version, digest: set.digest },
    model: { name: release.model.name, version: release.model.version },
    release: release.releaseId,
    role,
    score: verdict.score,
    confidence: verdict.confidence,
    rule: firedRule(verdict),
    severity: decision?.severity ?? null,
    recommendedAction: decision?.recommendedAction ?? null,
    traceId: window.traceId,
  }
}

/** The rule that speaks for the window: the one in force, else the one whose state changed. */
function firedRule({ judge, decision }: Verdict): ScoredEvent['rule'] {
  const rule: RuleDecision | undefined = decision?.rules.find(({ ruleId }) => ruleId === decision.fired)
    ?? decision?.rules.find(({ transition }) => transition !== undefined)
  if (rule === undefined || rule.value === null) return null
  return {
    id: rule.ruleId, signal: judge.release.policy.rules.find(({ id }) => id === rule.ruleId)?.signal ?? 'score',
    value: rule.value, raiseAt: rule.raiseAt, clearAt: rule.clearAt, since: microsToIso(rule.sinceUs),
  }
}
