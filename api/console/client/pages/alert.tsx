import { useState } from 'preact/hooks'
import { get, post } from '../api.ts'
import { Badge, Notice, Panel, When } from '../parts/bits.tsx'
import { LineageDrawing } from '../parts/lineage.tsx'
import type { AlertDetail } from '../types.ts'
import { useData } from '../use-data.ts'

/** One episode: what fired, what was done about it, and the answers a technician can give. */
export function AlertPage({ id }: { id: string }) {
  const { data: alert, error, reload } = useData(() => get<AlertDetail>(`/v1/alerts/${id}`), id)
  const [failure, setFailure] = useState('')
  const [note, setNote] = useState('')
  const [busy, setBusy] = useState(false)
  if (!alert) return <Notice error={error} />
  const answer = (verb: string, body: Record<string, unknown> = {}) => {
    setBusy(true)
    setFailure('')
    post(`/v1/alerts/${id}/${verb}`, body, { site: alert.site }).then(reload, (cause: unknown) => setFailure((cause as Error).message)).finally(() => setBusy(false))
  }
  const closed = alert.state === 'closed'
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/alerts">Alerts</a> › <a href={`/twins/${alert.site}/${alert.asset}`}>{alert.asset}</a></div>
        <h1>{alert.rule}</h1><Badge kind={alert.severity}>{alert.severity}</Badge><Badge kind={alert.state}>{alert.state}</Badge>
      </div>
      <Notice error={error} />
      {failure && <p class="notice" role="alert">{failure}</p>}
      <div class="grid">
        <Panel title={alert.recommendedAction}>
          <dl class="facts">
            <dt>Raised</dt><dd><When at={alert.raisedAt} /></dd>
            <dt>Cleared</dt><dd><When at={alert.clearedAt} /></dd>
            <dt>Failure mode</dt><dd>{alert.failureMode ?? '–'}</dd>
            <dt>Judged by</dt><dd class="mono">{alert.release}</dd>
            <dt>Acknowledged</dt><dd>{alert.acknowledgedBy ? <>{alert.acknowledgedBy}, <When at={alert.acknowledgedAt} /></> : 'nobody yet'}</dd>
            <dt>Work order</dt><dd>{alert.workOrder ? `${alert.workOrder.number} (${alert.workOrder.state})` : '–'}</dd>
          </dl>
          {!closed && <label>Note<textarea rows={2} value={note} onInput={(event) => setNote(event.currentTarget.value)} placeholder="What was seen or done" /></label>}
          {!closed && (
            <div class="actions">
              {!alert.acknowledgedAt && <button class="primary" disabled={busy} onClick={() => answer('acknowledge', { note })}>Acknowledge</button>}
              {!alert.workOrder && <button disabled={busy} onClick={() => answer('work-order', { title: alert.recommendedAction })}>Make a work order</button>}
              <button disabled={busy} onClick={() => answer('feedback', { verdict: 'confirmed', note, ...(alert.failureMode ? { failureMode: alert.failureMode } : {}) })}>It was real</button>
              <button disabled={busy} onClick={() => answer('feedback', { verdict: 'false-alarm', note })}>False alarm</button>
              <button disabled={busy || note.trim() === ''} title={note.trim() === '' ? 'Say in the note why' : undefined} onClick={() => answer('close', { reason: note })}>Close</button>
            </div>
          )}
          {alert.feedback.map((one) => <p key={one.by} class="soft">{one.by} found: <strong>{one.verdict}</strong> {one.note}</p>)}
        </Panel>
        <Panel title="What happened">
          <ol class="steps">{alert.events.map((event, i) => <li key={i}><strong>{event.kind}</strong> <span class="soft">by {event.actor}, <When at={event.at} /></span></li>)}</ol>
        </Panel>
        <Panel title="Where it comes from" wide><LineageDrawing query={{ alert: id, site: alert.site }} /></Panel>
      </div>
    </>
  )
}
