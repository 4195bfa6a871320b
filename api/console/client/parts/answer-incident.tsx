import { useState } from 'preact/hooks'
import type { IncidentDetail } from '../../../../registry/services/read/incidents.ts'
import type { Me } from '../types.ts'
import { Failure, useSend } from '../use-send.tsx'
import { counted, Panel, When } from './bits.tsx'

/** Who has it in hand, and its end with what was found. */
export function AnswerIncident({ incident, me, onDone }: { incident: IncidentDetail; me: Me; onDone: () => void }) {
  const { acknowledged, closed, windows, goodAgain } = incident
  return (
    <Panel title={closed ? 'What was found' : 'Stays open until somebody closes it'}>
      <dl class="facts">
        <dt>Opened</dt><dd>by a replay of {incident.openedBy}, <When at={incident.openedAt} ago /></dd>
        <dt>Shown by</dt><dd>{counted(incident.timesSeen, 'replay')}, the last <When at={incident.lastSeenAt} ago /></dd>
        <dt>In hand</dt><dd>{acknowledged ? <>{acknowledged.by}, <When at={acknowledged.at} ago />{acknowledged.comment && <>: “{acknowledged.comment}”</>}</> : closed ? 'of nobody before it was closed' : 'of nobody yet'}</dd>
        {closed && <><dt>Closed</dt><dd>{closed.by}, <When at={closed.at} ago />: “{closed.comment}”</dd></>}
      </dl>
      {!closed && goodAgain === windows && <p class="notice notice-good" role="status">{windows === 1 ? 'Its window' : 'All its windows'} came out well when last replayed. Close it once you know why {windows === 1 ? 'it' : 'they'} did not before.</p>}
      {!closed && <Form incident={incident} me={me} onDone={onDone} />}
    </Panel>
  )
}

function Form({ incident: { id, site, acknowledged }, me, onDone }: { incident: IncidentDetail; me: Me; onDone: () => void }) {
  const [comment, setComment] = useState('')
  const sending = useSend({ site })
  if (!me.rights.includes('incident.answer')) return <p class="soft under">Engineers can answer it here.</p>
  const silent = comment.trim() === ''
  const send = (verb: string) => sending.send(`/v1/incidents/${id}/${verb}`, { comment: comment.trim() }, () => { setComment(''); onDone() })
  return (
    <>
      <Failure of={sending} />
      <label>What was found<textarea rows={3} value={comment} onInput={(event) => setComment(event.currentTarget.value)} placeholder="What was found, and what was done about it; goes into the ledger" /></label>
      <div class="actions">
        {!acknowledged && <button type="button" class="primary" disabled={sending.busy} onClick={() => send('acknowledge')}>I have it in hand</button>}
        <button type="button" disabled={sending.busy || silent} title={silent ? 'Say what was found first' : undefined} onClick={() => send('close')}>Close</button>
      </div>
    </>
  )
}
