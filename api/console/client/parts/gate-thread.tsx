import { useState } from 'preact/hooks'
import type { GateDetail, Me } from '../types.ts'
import { Failure, useSend } from '../use-send.tsx'
import { Badge, When } from './bits.tsx'

const SAID = { comment: 'said', 'changes-asked': 'asked for changes', answer: 'answered' } as const

/** Everything people did and said at a gate, in its order: decisions, reviewers, the thread. */
export function GateThread({ gate, me, onDone }: { gate: GateDetail; me: Me; onDone: () => void }) {
  const entries = [
    ...gate.decisions.map(({ actor, onBehalfOf, stage, verdict, comment, at }) => ({
      at, by: actor, onBehalfOf, text: comment, badge: stage === 'emergency' ? 'urgent' : verdict === 'approve' ? 'approved' : 'rejected', what: decided(stage, verdict),
    })),
    ...gate.reviewers.map(({ actor, required, addedBy, at }) => ({ at, by: addedBy, onBehalfOf: null, text: '', badge: '', what: `named ${actor} as a reviewer${required ? ' whose approval is required' : ''}` })),
    ...gate.thread.map(({ kind, by, onBehalfOf, text, at }) => ({ at, by, onBehalfOf, text, badge: kind === 'changes-asked' ? 'medium' : '', what: SAID[kind] })),
  ].sort((a, b) => a.at.localeCompare(b.at))
  return (
    <>
      {entries.length === 0 && <p class="soft">Nobody has decided or said anything yet.</p>}
      <ol class="thread">{entries.map((entry) => (
        <li key={`${entry.at} ${entry.by} ${entry.what}`}>
          <div><strong>{entry.by}</strong>{entry.onBehalfOf !== null && <> for {entry.onBehalfOf}</>} {entry.badge ? <Badge kind={entry.badge}>{entry.what}</Badge> : <span>{entry.what}</span>} <When at={entry.at} ago /></div>
          {entry.text && <p>{entry.text}</p>}
        </li>
      ))}</ol>
      {me.rights.includes('gate.take-part') && <Say gate={gate} onDone={onDone} />}
    </>
  )
}

function decided(stage: GateDetail['decisions'][number]['stage'], verdict: 'approve' | 'reject'): string {
  if (stage === 'emergency') return 'approved alone'
  return stage === 'review' ? (verdict === 'approve' ? 'confirmed' : 'review rejected') : verdict === 'approve' ? 'approved' : 'rejected'
}

/** A comment, or a reviewer: neither decides anything. */
function Say({ gate, onDone }: { gate: GateDetail; onDone: () => void }) {
  const [comment, setComment] = useState('')
  const [reviewer, setReviewer] = useState('')
  const [required, setRequired] = useState(false)
  const sending = useSend({ site: gate.site })
  const send = (verb: string, body: unknown, done: () => void) => sending.send(`/v1/gates/${gate.id}/${verb}`, body, () => { done(); onDone() })
  return (
    <>
      <Failure of={sending} />
      <form class="say" onSubmit={(event) => { event.preventDefault(); send('comments', { comment }, () => setComment('')) }}>
        <label>Add to the thread<textarea rows={2} value={comment} onInput={(event) => setComment(event.currentTarget.value)} /></label>
        <div class="actions"><button type="submit" disabled={sending.busy || comment.trim() === ''}>Comment</button></div>
      </form>
      {gate.state === 'open' && (
        <details><summary>Add a reviewer</summary>
          <form class="say" onSubmit={(event) => { event.preventDefault(); send('reviewers', { reviewer: reviewer.trim(), required }, () => { setReviewer(''); setRequired(false) }) }}>
            <label>Actor<input value={reviewer} onInput={(event) => setReviewer(event.currentTarget.value)} placeholder="e.g. rita" /></label>
            <label class="check"><input type="checkbox" checked={required} onChange={(event) => setRequired(event.currentTarget.checked)} /> Their approval is required</label>
            <div class="actions"><button type="submit" disabled={sending.busy || reviewer.trim() === ''}>Add</button></div>
          </form>
        </details>
      )}
    </>
  )
}
