import { useMemo, useState } from 'preact/hooks'
import type { Me, RolloutDetail } from '../types.ts'
import { Failure, useSend } from '../use-send.tsx'

/** Take it back, or let it go on where the plan leaves that to people. */
export function SteerRollout({ rollout, me, onDone }: { rollout: RolloutDetail; me: Me; onDone: () => void }) {
  const [reason, setReason] = useState('')
  const [rescore, setRescore] = useState(rollout.plan.rescore ?? false)
  // One id for one wish: a click that is repeated stops it once.
  const requestId = useMemo(() => crypto.randomUUID(), [rollout.id])
  const sending = useSend({ site: rollout.site })
  if (!me.rights.includes('rollout.steer')) return <p class="soft">Engineers can stop it here.</p>
  const silent = reason.trim() === ''
  const looked = rollout.checks.at(-1)?.readings ?? []
  const seen = looked.filter(({ value }) => value !== null).length
  const done = () => { setReason(''); onDone() }
  const send = (verb: string, body: object) => sending.send(`/v1/rollouts/${rollout.id}/${verb}`, { reason: reason.trim(), ...body }, done)
  const back = rollout.stage === 'champion' ? (rollout.former === null ? 'Stop watching' : `Roll back to ${rollout.former}`) : 'Stop and take it back'
  return (
    <>
      {rollout.ready && <p class="notice" role="status">This stage is through{seen === 0 ? ', but no guard has had anything to judge by' : seen < looked.length ? `; ${seen} of ${looked.length} guards had something to judge by, and are within their limits` : ' and its guards are within their limits'}. The next begins when somebody says so.</p>}
      <Failure of={sending} />
      <label>Reason<textarea rows={2} value={reason} onInput={(event) => setReason(event.currentTarget.value)} placeholder="Why; goes into the ledger" /></label>
      {rollout.stage !== 'shadow' && rollout.former !== null && me.rights.includes('score.rescore')
        && <label class="check"><input type="checkbox" checked={rescore} onChange={(event) => setRescore(event.currentTarget.checked)} /> Taken back: judge anew the windows that it judged</label>}
      <div class="actions">
        {rollout.ready && <button type="button" class="primary" disabled={sending.busy || silent} title={silent ? 'Say why first' : undefined} onClick={() => send('advance', { from: rollout.stage })}>Go on to {rollout.stages[rollout.stages.indexOf(rollout.stage) + 1]}</button>}
        <button type="button" class="danger" disabled={sending.busy || silent} title={silent ? 'Say why first' : undefined} onClick={() => send('stop', { requestId, ...(me.rights.includes('score.rescore') && { rescore }) })}>{back}</button>
      </div>
    </>
  )
}
