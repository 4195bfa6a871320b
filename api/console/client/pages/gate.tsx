import { useState } from 'preact/hooks'
import { get, post } from '../api.ts'
import { Badge, Notice, Panel, shortDigest, When } from '../parts/bits.tsx'
import { EvidencePanel } from '../parts/evidence.tsx'
import type { GateDetail, Me } from '../types.ts'
import { useData } from '../use-data.ts'

/** What is asked, on what evidence, and the decision. A decision binds to the digest of the evidence shown here. */
export function GatePage({ id, me }: { id: string; me: Me }) {
  const { data: gate, error, reload } = useData(() => get<GateDetail>(`/v1/gates/${id}`), id)
  const [comment, setComment] = useState('')
  const [failure, setFailure] = useState('')
  const [busy, setBusy] = useState(false)
  if (!gate) return <Notice error={error} />
  const decide = (verdict: 'approve' | 'reject') => {
    setBusy(true)
    setFailure('')
    post(`/v1/gates/${id}/${verdict}`, { evidenceDigest: gate.evidenceDigest, comment }, { site: gate.site }).then(reload, (cause: unknown) => setFailure((cause as Error).message)).finally(() => setBusy(false))
  }
  const mine = gate.requestedBy === me.id || gate.author === me.id
  const decided = gate.decisions.some((decision) => decision.actor === me.id)
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/gates">Gates</a> › {gate.family}</div>
        <h1>{gate.release} as {gate.role}</h1><Badge kind={gate.state}>{gate.state}</Badge>
        <span class="soft">{gate.replaces ? <>replaces <span class="mono">{gate.replaces}</span></> : 'replaces nothing'} for {gate.scope}</span>
      </div>
      <Notice error={error} />
      {failure && <p class="notice" role="alert">{failure}</p>}
      <div class="grid">
        <Panel title="Decision" wide>
          <dl class="facts">
            <dt>Reason</dt><dd>{gate.reason}</dd>
            <dt>Requested by</dt><dd>{gate.requestedBy}, <When at={gate.requestedAt} /></dd>
            <dt>Author</dt><dd>{gate.author}</dd>
            <dt>Expires</dt><dd><When at={gate.expiresAt} /></dd>
            <dt>Approvals</dt><dd>{gate.approvals} of {gate.requiredApprovals}</dd>
          </dl>
          {gate.decisions.map((decision) => <p key={decision.actor}><Badge kind={decision.verdict === 'approve' ? 'approved' : 'rejected'}>{decision.verdict}</Badge> {decision.actor}, <When at={decision.at} /> {decision.comment}</p>)}
          {gate.state === 'open' && (mine ? <p class="soft">You asked for this or made it: somebody else decides.</p> : decided ? <p class="soft">You have decided.</p> : (
            <>
              <label>Comment<textarea rows={2} value={comment} onInput={(event) => setComment(event.currentTarget.value)} placeholder="Why (needed to reject)" /></label>
              <div class="actions">
                <button class="primary" disabled={busy || !gate.evidenceDigest} onClick={() => decide('approve')}>Approve</button>
                <button class="danger" disabled={busy || !gate.evidenceDigest || comment.trim() === ''} onClick={() => decide('reject')}>Reject</button>
                <span class="soft">binds to evidence <span class="mono">{shortDigest(gate.evidenceDigest)}</span></span>
              </div>
            </>
          ))}
        </Panel>
        <EvidencePanel evidence={gate.evidence} commit={gate.evidenceCommit} digest={gate.evidenceDigest} />
      </div>
    </>
  )
}
