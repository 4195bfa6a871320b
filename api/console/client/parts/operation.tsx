import { progressText, resultText } from '../text/operations.ts'
import type { Me, OperationRow } from '../types.ts'
import { Failure, useSend } from '../use-send.tsx'
import { counted } from './bits.tsx'

/** How far it is, or what came of it. */
export function OperationProgress({ one }: { one: OperationRow }) {
  const { windows, current } = one.progress
  if (one.endedAt !== null) return <>{one.error ? <span title={one.error.code}>{one.error.message}</span> : resultText(one)}</>
  const share = windows && windows.all > 0 ? Math.min(100, (windows.done / windows.all) * 100) : null
  return (
    <>
      {share !== null && <div class="bar" role="progressbar" aria-valuenow={Math.round(share)} aria-valuemin={0} aria-valuemax={100} aria-label="Windows judged"><span style={{ width: `${share}%` }} /></div>}
      <span class="soft">{progressText(one)}{current && current.length > 0 && ` · at ${current.slice(0, 3).join(', ')}${current.length > 3 ? ` and ${counted(current.length - 3, 'more', 'more')}` : ''}`}</span>
    </>
  )
}

/** Pause, resume and cancel, as its kind and the reader's rights allow. */
export function OperationVerbs({ one, me, onDone }: { one: OperationRow; me: Me; onDone: () => void }) {
  const sending = useSend({ site: one.site })
  const send = (verb: string) => sending.send(`/v1/operations/${one.id}/${verb}`, {}, onDone)
  if (one.cancelRequestedAt !== null) return <span class="soft">is being cancelled</span>
  return (
    <>
      <Failure of={sending} />
      {one.pausable && me.rights.includes('operation.pause') && (one.paused
        ? <button type="button" disabled={sending.busy} onClick={() => send('resume')}>Resume</button>
        : <button type="button" disabled={sending.busy} onClick={() => send('pause')}>Pause</button>)}{' '}
      {me.rights.includes('operation.cancel') && <button type="button" disabled={sending.busy} onClick={() => send('cancel')}>Cancel</button>}
    </>
  )
}
