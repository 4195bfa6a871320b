import { useState } from 'preact/hooks'
import { Failure, useSend } from '../use-send.tsx'

interface RolledBack { release: string; replaced: string | null; rescore: string | null }

/** Behind a fold: the former release in force again, at once. One visit of the page is one roll back, however often it is sent. */
export function RollBack({ site, family, release, onDone }: { site: string; family: string; release: string; onDone: () => void }) {
  const [reason, setReason] = useState('')
  const [rescore, setRescore] = useState(true)
  const [requestId] = useState(() => crypto.randomUUID())
  const [done, setDone] = useState<RolledBack>()
  const sending = useSend({ site })
  if (done) {
    return <p class="notice" role="status"><strong>{done.release}</strong> is in force again{done.replaced && <> instead of {done.replaced}</>}.{done.rescore && <> What the other one judged is judged anew: <a href="/operations">operations</a>.</>}</p>
  }
  return (
    <details class="alone"><summary>Roll back {release}</summary>
      <p>The release before it judges the whole family again, at once and without a gate: it was approved before. Rolling back a roll back works too.</p>
      <Failure of={sending} />
      <label>Why<textarea rows={2} value={reason} onInput={(event) => setReason(event.currentTarget.value)} placeholder="Goes into the ledger" /></label>
      <label class="check"><input type="checkbox" checked={rescore} onChange={(event) => setRescore(event.currentTarget.checked)} /> Judge anew the windows that ended since it first judged</label>
      <div class="actions"><button type="button" class="danger" disabled={sending.busy || reason.trim() === ''}
        onClick={() => sending.send<RolledBack>(`/v1/families/${encodeURIComponent(family)}/roll-back`, { reason: reason.trim(), requestId, rescore }, (answer) => { setDone(answer); onDone() })}>Roll back</button></div>
    </details>
  )
}
