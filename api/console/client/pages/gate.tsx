import { useState } from 'preact/hooks'
import { get, post } from '../api.ts'
import { Badge, Notice, Panel, shortDigest, Waiting, When } from '../parts/bits.tsx'
import { EvidencePanel } from '../parts/evidence.tsx'
import { usePageTitle } from '../router.ts'
import type { GateDetail, Me } from '../types.ts'
import { useData } from '../use-data.ts'

/** What is asked, on what evidence, and the decision. A decision binds to the digest of the evidence shown here. */
export function GatePage({ id, me }: { id: string; me: Me }) {
  const { data: gate, error, at, reload } = useData(() => get<GateDetail>(`/v1/gates/${id}`), `gate ${id}`)
  usePageTitle(gate ? `${gate.release} as ${gate.role}` : 'Gate')
  if (!gate) return <Waiting error={error} what="Gate" back={{ href: '/gates', label: 'All gates' }} />
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/gates">Gates</a> › {gate.site} › {gate.family}</div>
        <h1>{gate.release} as {gate.role}</h1><Badge kind={gate.state}>{gate.state}</Badge>
        <span class="soft">{gate.replaces ? <>replaces <span class="mono">{gate.replaces}</span></> : 'replaces nothing'} for {gate.scope.replace(':', ' ')}</span>
      </div>
      <Notice error={error} at={at} />
      <div class="grid">
        <Panel title="Decision" wide>
          <dl class="facts">
            <dt>Reason</dt><dd>{gate.reason}</dd>
            <dt>Requested by</dt><dd>{gate.requestedBy}, <When at={gate.requestedAt} ago /></dd>
            <dt>Author</dt><dd>{gate.author}</dd>
            {gate.closedAt ? <><dt>Decided</dt><dd><When at={gate.closedAt} ago />{gate.closedBecause && `, ${gate.closedBecause}`}</dd></> : <><dt>Expires</dt><dd><When at={gate.expiresAt} ago /></dd></>}
            <dt>Approvals</dt><dd>{gate.approvals} of {gate.requiredApprovals}{gate.rules.roles && <span class="soft"> · by {gate.rules.roles.join(' or ')}{gate.rules.ownerMustApprove && ', among them the family’s owner'}</span>}</dd>
          </dl>
          {gate.decisions.map((decision) => <p key={decision.actor}><Badge kind={decision.verdict === 'approve' ? 'approved' : 'rejected'}>{decision.verdict === 'approve' ? 'approved' : 'rejected'}</Badge> {decision.actor}, <When at={decision.at} ago />{decision.comment && <>: “{decision.comment}”</>}</p>)}
          {gate.state === 'open' && (gate.waitingForMe ? <Decide gate={gate} onDecided={reload} /> : <p class="soft">{whyNot(gate, me)}</p>)}
        </Panel>
        <EvidencePanel evidence={gate.evidence} commit={gate.evidenceCommit} digest={gate.evidenceDigest} />
      </div>
    </>
  )
}

function whyNot(gate: GateDetail, me: Me): string {
  if (gate.decisions.some((decision) => decision.actor === me.id)) return 'You have decided.'
  if (gate.requestedBy === me.id || gate.author === me.id) return 'You asked for this or made it: somebody else decides.'
  return `This is not yours to decide: it takes ${gate.rules.roles?.join(' or ') ?? 'another role'}, and nobody who made a part of it.`
}

function Decide({ gate, onDecided }: { gate: GateDetail; onDecided: () => void }) {
  const [comment, setComment] = useState('')
  const [failure, setFailure] = useState('')
  const [busy, setBusy] = useState(false)
  const decide = (verdict: 'approve' | 'reject') => {
    setBusy(true)
    setFailure('')
    post(`/v1/gates/${gate.id}/${verdict}`, { evidenceDigest: gate.evidenceDigest, comment }, { site: gate.site }).then(onDecided, (cause: unknown) => setFailure((cause as Error).message)).finally(() => setBusy(false))
  }
  const silent = comment.trim() === ''
  return (
    <>
      {failure && <p class="notice" role="alert">{failure}</p>}
      <label>Comment<textarea rows={2} value={comment} onInput={(event) => setComment(event.currentTarget.value)} placeholder="Why (needed to reject)" /></label>
      <div class="actions">
        <button type="button" class="primary" disabled={busy || !gate.evidenceDigest} onClick={() => decide('approve')}>Approve</button>
        <button type="button" class="danger" disabled={busy || !gate.evidenceDigest || silent} title={silent ? 'Say in the comment why' : undefined} onClick={() => decide('reject')}>Reject</button>
        <span class="soft">binds to evidence <span class="mono">{shortDigest(gate.evidenceDigest)}</span></span>
      </div>
    </>
  )
}
