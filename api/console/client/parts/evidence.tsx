import { FailureTable } from './failure-table.tsx'
import { ChangeTimeline } from './change-timeline.tsx'
import { LoadPlot } from './load-plot.tsx'
import type { GateEvidence, Side } from '../../../../registry/services/read/gate-evidence.ts'
import { counted, number, Panel, shortDigest } from './bits.tsx'

interface Span { from: string; to: string }

const percent = (value: number | null | undefined) => (value === null || value === undefined ? '–' : `${number(value * 100, 3)} %`)
const counts = (value: Record<string, number> | undefined) => Object.entries(value ?? {}).map(([name, n]) => `${name} ${n}×`).join(', ') || 'none'

const days = ({ from, to }: Span) => (from.slice(0, 10) === to.slice(0, 10) ? `on ${from.slice(0, 10)}` : `${from.slice(0, 10)} to ${to.slice(0, 10)}`)
const spanOf = (slice: GateEvidence['slice']): Span | null => (slice && slice.from !== null && slice.to !== null ? { from: slice.from, to: slice.to } : null)

const ROWS: { what: string; of: (side: Side) => string }[] = [
  { what: 'Model', of: (side) => `${side.trained.model} (${side.trained.kind})` },
  { what: 'Why it was trained', of: (side) => side.trained.reason },
  { what: 'Trained on', of: (side) => `${counted(side.trained.dataset.rows, 'window')}, as of commit ${side.trained.dataset.commitNumber}` },
  { what: 'False alarms on held-out normal windows', of: (side) => percent(side.trained.metrics.evaluation?.falseAlarmRate) },
  { what: 'Policy', of: (side) => `version ${side.policy.version}` },
  { what: 'Alert episodes it would have raised', of: (side) => (side.backTest ? String(side.backTest.episodes) : '–') },
  { what: 'Episodes by rule', of: (side) => counts(side.backTest?.episodesByRule) },
  { what: 'Episodes by machine', of: (side) => counts(side.backTest?.episodesByAsset) },
  { what: 'Windows above 0.99 confidence', of: (side) => percent(side.backTest?.confidence?.above99) },
]

/** Candidate beside what it would replace, on the same machines and windows; then the whole document, as the digest covers it. */
export function EvidencePanel({ evidence, commit, digest, site, age }: { evidence: GateEvidence | null; commit: number | null; digest: string | null; site: string; age: string }) {
  const aside = <span class="soft">as of commit {commit ?? '–'}{age}, digest <span class="mono" title={digest ?? ''}>{shortDigest(digest)}</span></span>
  if (!evidence) return <Panel title="Evidence" aside={aside} wide><p class="loading" role="status">Being collected…</p></Panel>
  const { candidate, champion, coverage, slice, drift, comparison, judgedAgainst, replay } = evidence
  const span = spanOf(slice)
  const [asked, inForce] = [candidate ? `${candidate.release} (asked for)` : 'asked for', champion ? `${champion.release} (in force)` : 'nothing in force']
  return (
    <Panel title="Evidence" aside={aside} wide>
      {slice && <p class="soft">Both on the same {counted(coverage?.windows ?? 0, 'window')} of {counted(slice.assets.length, 'machine')}, {span ? <>{days(span)} (UTC)</> : 'none of which was measured yet'}{typeof coverage?.meanGoodFraction === 'number' && <>, {percent(coverage.meanGoodFraction)} good readings</>}; {counted(slice.recordedFailures, 'recorded failure')}.</p>}
      {evidence.scores && <p class="soft">{evidence.scores === 'stored' ? 'By the scores as they were stored' : 'Stored windows, scored now'}{judgedAgainst && <>, held against {counted(judgedAgainst.failures, 'failure')} and {counted(judgedAgainst.labels, 'accepted label')}</>}{replay && <>; of {replay.sampled} scores replayed {replay.exact} exact, {replay.equivalent} equivalent, {replay.expired} expired, {replay.failed} failed</>}.</p>}
      {drift && <p class="soft">Drift since the champion was trained: {drift.verdict}{drift.drifted.length > 0 && ` in ${counted(drift.drifted.length, 'feature')}`}.</p>}
      {comparison && span && <>
        <h3>Alerts that would change</h3><ChangeTimeline comparison={comparison} {...span} site={site} />
        <h3>Alert load by owner</h3><LoadPlot load={comparison.load} {...span} />
        {comparison.failures && <><h3>Recorded failures</h3><FailureTable failures={comparison.failures} /></>}
        <h3>Side by side</h3>
      </>}
      <table class="sides" role="table" aria-label="Candidate beside what is in force">
        <thead role="rowgroup"><tr role="row"><th role="columnheader"><span class="unseen">What</span></th><th role="columnheader">{asked}</th><th role="columnheader">{inForce}</th></tr></thead>
        <tbody role="rowgroup">{ROWS.map(({ what, of }) => (
          <tr key={what} role="row"><th role="rowheader" scope="row">{what}</th><td role="cell" data-head="asked for">{candidate ? of(candidate) : '–'}</td><td role="cell" data-head="in force">{champion ? of(champion) : '–'}</td></tr>
        ))}</tbody>
      </table>
      {candidate?.trained.metrics.choice?.because && <p class="soft">Why this model: {candidate.trained.metrics.choice.because}.</p>}
      <details><summary>The whole evidence</summary><pre class="document" tabIndex={0}>{JSON.stringify(evidence, null, 2)}</pre></details>
    </Panel>
  )
}
