import { useState } from 'preact/hooks'
import type { GateDetail, Me } from '../types.ts'
import { Failure, useSend } from '../use-send.tsx'
import { shortDigest } from './bits.tsx'

interface Verb { label: string; verb: string; body: (text: string) => unknown; needsText?: true; look?: 'primary' | 'danger' }

/** The buttons that the reader has at this gate, and why not where there are none. */
export function GateActions({ gate, me, onDone }: { gate: GateDetail; me: Me; onDone: () => void }) {
  const evidenceDigest = gate.evidenceDigest
  const [named, setNamed] = useState<string>()
  const [first] = gate.deciding
  const onBehalfOf = named !== undefined && gate.deciding.includes(named) ? named : first
  const requester = gate.requestedBy === me.id
  const asked = gate.changesAsked.length > 0
  const verbs: Verb[] = []
  if (gate.state === 'open' && onBehalfOf !== undefined) {
    if (!asked) verbs.push({ label: 'Approve', verb: 'approve', body: (comment) => ({ evidenceDigest, comment, onBehalfOf }), look: 'primary' })
    verbs.push({ label: 'Ask for changes', verb: 'ask-changes', body: (comment) => ({ comment, onBehalfOf }), needsText: true })
    verbs.push({ label: 'Reject', verb: 'reject', body: (comment) => ({ evidenceDigest, comment, onBehalfOf }), needsText: true, look: 'danger' })
  }
  if (gate.emergency?.review.state === 'due' && onBehalfOf !== undefined) {
    verbs.push({ label: 'Confirm', verb: 'review', body: (comment) => ({ verdict: 'confirm', evidenceDigest, comment, onBehalfOf }), look: 'primary' })
    verbs.push({ label: 'Reject and roll back', verb: 'review', body: (comment) => ({ verdict: 'reject', evidenceDigest, comment, onBehalfOf }), needsText: true, look: 'danger' })
  }
  if (gate.state === 'open' && requester && asked) verbs.push({ label: 'Answer', verb: 'answer', body: (comment) => ({ comment }), needsText: true, look: 'primary' })
  if ((gate.state === 'open' || gate.state === 'collecting') && requester) verbs.push({ label: 'Withdraw', verb: 'withdraw', body: (reason) => ({ reason }), needsText: true })
  return (
    <>
      {gate.changesAsked.map(({ by, text, at }) => <p key={at} class="notice" role="status"><strong>{by} asks for changes:</strong> {text} Nothing is approved until {requester ? 'you answer' : `${gate.requestedBy} answers`}.</p>)}
      {onBehalfOf === undefined && gate.state === 'open' && !requester && <p class="soft">{whyNot(gate, me)}</p>}
      {gate.deciding.length > 1
        ? <label>You decide for <select value={onBehalfOf} onChange={(event) => setNamed(event.currentTarget.value)}>{gate.deciding.map((id) => <option key={id} value={id}>{id === me.id ? 'yourself' : id}</option>)}</select></label>
        : onBehalfOf !== undefined && onBehalfOf !== me.id && <p class="soft">You decide for <strong>{onBehalfOf}</strong>, who delegated to you.</p>}
      {verbs.length > 0 && <Act gate={gate} verbs={verbs} onDone={onDone} />}
      {gate.mayDeclareEmergency && <Emergency gate={gate} onDone={onDone} />}
    </>
  )
}

function whyNot(gate: GateDetail, me: Me): string {
  if (gate.decisions.some((decision) => decision.actor === me.id || decision.onBehalfOf === me.id)) return 'You have decided, or somebody for you.'
  if (gate.author === me.id) return 'You made a part of it: somebody else decides.'
  return 'This is not yours to decide.'
}

function Act({ gate, verbs, onDone }: { gate: GateDetail; verbs: Verb[]; onDone: () => void }) {
  const [text, setText] = useState('')
  const sending = useSend({ site: gate.site })
  const silent = text.trim() === ''
  return (
    <>
      <Failure of={sending} />
      <label>Comment<textarea rows={2} value={text} onInput={(event) => setText(event.currentTarget.value)} placeholder="Why" /></label>
      <div class="actions">
        {verbs.map(({ label, verb, body, needsText, look }) => (
          <button key={label} type="button" class={look} disabled={sending.busy || (needsText && silent)} title={needsText && silent ? 'Say in the comment why' : undefined}
            onClick={() => sending.send(`/v1/gates/${gate.id}/${verb}`, body(text.trim()), () => { setText(''); onDone() })}>{label}</button>
        ))}
        {gate.deciding.length > 0 && <span class="soft">binds to evidence <span class="mono">{shortDigest(gate.evidenceDigest)}</span></span>}
      </div>
    </>
  )
}

/** Behind a fold: alone, loud, and never by a slip. */
function Emergency({ gate, onDone }: { gate: GateDetail; onDone: () => void }) {
  const [reason, setReason] = useState('')
  const sending = useSend({ site: gate.site })
  return (
    <details class="alone"><summary>Emergency: approve alone</summary>
      <p>It is in force at once. Everybody is told, with your reason; the normal approvers review it afterwards, and a rejection rolls it back.</p>
      <Failure of={sending} />
      <label>What the emergency is<textarea rows={2} value={reason} onInput={(event) => setReason(event.currentTarget.value)} placeholder="At least ten characters" /></label>
      <div class="actions"><button type="button" class="danger" disabled={sending.busy || reason.trim().length < 10} onClick={() => sending.send(`/v1/gates/${gate.id}/approve-in-emergency`, { evidenceDigest: gate.evidenceDigest, reason: reason.trim() }, () => { setReason(''); onDone() })}>Declare the emergency and approve</button></div>
    </details>
  )
}
