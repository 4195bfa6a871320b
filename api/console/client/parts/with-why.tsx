import { useState } from 'preact/hooks'
import type { Sending } from '../use-send.tsx'

/** Something that is not done by one click, and not without a reason: it goes into the audit trail. */
export function WithWhy({ ask, act, example, sending, onSend }: { ask: string; act: string; example: string; sending: Sending; onSend: (reason: string, done: () => void) => void }) {
  const [asked, setAsked] = useState(false)
  const [reason, setReason] = useState('')
  const leave = () => { setAsked(false); setReason('') }
  if (!asked) return <button type="button" onClick={() => setAsked(true)}>{ask}</button>
  return (
    <form class="actions" onSubmit={(event) => { event.preventDefault(); onSend(reason.trim(), leave) }}>
      <label>Why <input required maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} placeholder={`e.g. ${example}`} /></label>
      <button type="submit" class="danger" disabled={sending.busy || reason.trim() === ''}>{act}</button>
      <button type="button" class="quiet" onClick={leave}>Leave it</button>
    </form>
  )
}
