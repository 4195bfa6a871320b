import type { GateEvidence, GovernanceEvidence, Side } from '../../registry/services/read/gate-evidence.ts'
import { counted } from '../../registry/domain/counted.ts'

/** What approvers decide by, in a few lines; the whole document is what the digest covers. */
export function* evidenceText(evidence: GateEvidence | GovernanceEvidence | null): Generator<string> {
  if (evidence === null) yield 'being collected'
  else yield* 'canApprove' in evidence ? governanceText(evidence) : releaseText(evidence)
}

function* governanceText({ replaces, version, openGates, changes, canApprove }: GovernanceEvidence): Generator<string> {
  yield `from version ${replaces} to version ${version}; gates that are open by then ${openGates === 'keep' ? 'keep their rules' : 'are void'}`
  for (const { path, from, to } of changes) yield `${path}: ${JSON.stringify(from)} now, ${JSON.stringify(to)} then`
  for (const [kind, { required, able }] of Object.entries(canApprove)) yield `${kind}: asks for ${counted(required, 'approval')}, ${counted(able, 'person', 'people')} could give one`
}

function* releaseText({ candidate, champion, slice, coverage, scores, comparison, judgedAgainst, replay, drift }: GateEvidence): Generator<string> {
  if (slice) {
    const span = slice.from === null || slice.to === null ? 'none of which was measured yet' : `${slice.from} to ${slice.to}`
    yield `${counted(coverage?.windows ?? 0, 'window')} of ${counted(slice.assets.length, 'machine')}, ${span}${scores === undefined ? '' : scores === 'stored' ? ', by their stored scores' : ', scored now'}`
    if (coverage && coverage.assetsWithout.length > 0) yield `without any window: ${coverage.assetsWithout.join(', ')}`
  }
  if (candidate) yield `asked for: ${sideText(candidate)}`
  yield champion ? `in force:  ${sideText(champion)}` : 'in force:  nothing'
  if (comparison) {
    const { before, after, kept, moved, gained, lost } = comparison.alerts
    yield `alerts: ${before} by what is in force, ${after} by what is asked for; ${kept} kept, ${moved} moved, ${gained} gained, ${lost} lost`
  }
  if (judgedAgainst) yield `held against ${counted(judgedAgainst.failures, 'recorded failure')} and ${counted(judgedAgainst.labels, 'accepted label')}`
  if (replay) yield `of ${counted(replay.sampled, 'score')} replayed ${replay.exact} exact, ${replay.equivalent} equivalent, ${replay.expired} expired, ${replay.failed} failed`
  if (drift) yield `drift since the champion was trained: ${drift.verdict}${drift.drifted.length > 0 ? ` in ${drift.drifted.join(', ')}` : ''}`
}

function sideText({ release, policy, trained, backTest }: Side): string {
  const falseAlarms = trained.metrics.evaluation?.falseAlarmRate
  return `${release}: ${trained.model} (${trained.kind}, trained on ${counted(trained.dataset.rows, 'window')}), policy version ${policy.version}`
    + `${typeof falseAlarms === 'number' ? `; false alarms on held-out normal windows ${Number((falseAlarms * 100).toPrecision(3))} %` : ''}`
    + `${backTest ? `; would have raised ${counted(backTest.episodes, 'alert')}` : ''}`
}
