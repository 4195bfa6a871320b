import { get } from '../api.ts'
import { Badge, Notice, Panel, Waiting, When } from '../parts/bits.tsx'
import { EvidencePanel } from '../parts/evidence.tsx'
import { GateActions } from '../parts/gate-actions.tsx'
import { GateThread } from '../parts/gate-thread.tsx'
import { GovernanceChange } from '../parts/governance-change.tsx'
import { ageText, RecomputeEvidence } from '../parts/recompute-evidence.tsx'
import { usePageTitle } from '../router.ts'
import { planText } from '../../../../registry/domain/rollout/plan-text.ts'
import type { GateDetail, Me } from '../types.ts'
import { useData } from '../use-data.ts'

/** What is asked, on what evidence, who still must approve, and what was said. A decision binds to the digest of the evidence shown here. */
export function GatePage({ id, me }: { id: string; me: Me }) {
  const { data: gate, error, at, reload } = useData(() => get<GateDetail>(`/v1/gates/${id}`), `gate ${id}`)
  const title = gate ? `${gate.subject}${gate.role === null ? '' : ` as ${gate.role}`}` : 'Gate'
  usePageTitle(title)
  if (!gate) return <Waiting error={error} what="Gate" back={{ href: '/gates', label: 'All gates' }} />
  const { emergency, evidence } = gate
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/gates">Gates</a> › {gate.site} › {gate.family}</div>
        <h1>{title}</h1><Badge kind={gate.state}>{gate.state}</Badge>
        <span class="soft">{gate.replaces ? <>replaces <span class="mono">{gate.replaces}</span></> : 'replaces nothing'} for {gate.scope.replace(':', ' ')}</span>
      </div>
      <Notice error={error} at={at} />
      {emergency && <EmergencyNote emergency={emergency} wanted={gate.wanted} />}
      <div class="grid">
        <Panel title="Decision" wide>
          <dl class="facts">
            <dt>Reason</dt><dd>{gate.reason}</dd>
            <dt>Requested by</dt><dd>{gate.requestedBy}, <When at={gate.requestedAt} ago /></dd>
            <dt>Author</dt><dd>{gate.author}</dd>
            {gate.closedAt ? <><dt>Decided</dt><dd><When at={gate.closedAt} ago />{gate.closedBecause && `, ${gate.closedBecause}`}</dd></> : <><dt>Expires</dt><dd><When at={gate.expiresAt} ago /></dd></>}
            <dt>Approvals</dt><dd><strong>{gate.wanted}</strong> <span class="soft">· the rules ask for {gate.asks}</span></dd>
            {gate.rollout && <><dt>Comes into force</dt><dd>step by step: it {planText(gate.rollout)}{gate.state === 'approved' && <>. <a href={`/rollouts/${gate.id}`}>See how it goes</a></>}</dd></>}
            {gate.escalatedTo.length > 0 && <><dt>Escalated to</dt><dd>{gate.escalatedTo.join(', ')}</dd></>}
          </dl>
          <GateActions gate={gate} me={me} onDone={reload} />
          {gate.state === 'open' && gate.release !== null && <RecomputeEvidence gate={gate} />}
        </Panel>
        <Panel title="What was decided and said" wide><GateThread gate={gate} me={me} onDone={reload} /></Panel>
        {evidence && 'canApprove' in evidence ? <GovernanceChange evidence={evidence} digest={gate.evidenceDigest} />
          : <EvidencePanel evidence={evidence} commit={gate.evidenceCommit} digest={gate.evidenceDigest} site={gate.site} age={ageText(gate.evidenceAge)} />}
      </div>
    </>
  )
}

function EmergencyNote({ emergency: { by, reason, at, review }, wanted }: { emergency: NonNullable<GateDetail['emergency']>; wanted: string }) {
  return (
    <section class={review.state === 'due' ? 'now' : 'now now-calm'} aria-label="Emergency">
      <strong>{by} approved this alone, in an emergency, <When at={at} ago />.</strong> <span>“{reason}”</span>
      {review.state === 'due'
        ? <p>{review.overdue ? <strong>Its review is overdue since <When at={review.due} ago />: </strong> : <>Its review is due by <When at={review.due} ago />: </>}{wanted}.</p>
        : <p>The review {review.state === 'confirmed' ? 'confirmed' : 'rejected'} it{review.endedAt && <>, <When at={review.endedAt} ago /></>}{review.because && `: ${review.because}`}.</p>}
    </section>
  )
}
