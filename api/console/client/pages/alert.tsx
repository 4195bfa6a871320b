import { useMemo, useState } from 'preact/hooks'
import { get, post } from '../api.ts'
import { Badge, Notice, Panel, Waiting, When } from '../parts/bits.tsx'
import { LineageDrawing } from '../parts/lineage.tsx'
import { ScorePlot } from '../parts/score-plot.tsx'
import { WhatIf } from '../parts/what-if.tsx'
import { usePageTitle } from '../router.ts'
import { stateText } from '../text/alerts.ts'
import type { AlertDetail, Me, Twin } from '../types.ts'
import { useData } from '../use-data.ts'

const DAY = 86_400_000

/** One episode: what fired, what was done about it, and the answers a technician can give. */
export function AlertPage({ id, me }: { id: string; me: Me }) {
  const { data: alert, error, at, reload } = useData(() => get<AlertDetail>(`/v1/alerts/${id}`), `alert ${id}`)
  usePageTitle(alert ? `${alert.rule} on ${alert.asset}` : 'Alert')
  if (!alert) return <Waiting error={error} what="Alert" back={{ href: '/alerts', label: 'All alerts' }} />
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/alerts">Alerts</a> › <a href={`/twins/${alert.site}/${alert.asset}`}>{alert.asset}</a></div>
        <h1>{alert.rule}</h1><Badge kind={alert.severity}>{alert.severity}</Badge><Badge kind={alert.state}>{stateText(alert.state)}</Badge>
        <span class="soft">on <a href={`/twins/${alert.site}/${alert.asset}`}>{alert.asset}</a>, {alert.site}</span>
      </div>
      <Notice error={error} at={at} />
      <div class="grid">
        <Answers alert={alert} onAnswered={reload} />
        <Panel title="What happened"><ol class="steps">{alert.events.map((event, i) => <Step key={i} event={event} />)}</ol></Panel>
        <Around alert={alert} />
        {me.rights.includes('score.replay') && <Panel title="Under other versions" aside={<span class="soft">what would have been said; nothing is written</span>} wide><WhatIf alert={alert} /></Panel>}
        <Panel title="Where it comes from" wide><LineageDrawing query={{ alert: id, site: alert.site }} /></Panel>
      </div>
    </>
  )
}

function Answers({ alert, onAnswered }: { alert: AlertDetail; onAnswered: () => void }) {
  const [failure, setFailure] = useState('')
  const [note, setNote] = useState('')
  const [busy, setBusy] = useState(false)
  const answer = (verb: string, body: Record<string, unknown>) => {
    setBusy(true)
    setFailure('')
    post(`/v1/alerts/${alert.id}/${verb}`, body, { site: alert.site })
      .then(() => { setNote(''); onAnswered() }, (cause: unknown) => setFailure((cause as Error).message)).finally(() => setBusy(false))
  }
  const closed = alert.state === 'closed'
  const silent = note.trim() === ''
  const why = silent ? 'Say in the note why' : undefined
  const untouched = !alert.acknowledgedAt && !closed
  return (
    <Panel title={alert.recommendedAction}>
      <dl class="facts">
        <dt>Raised</dt><dd><When at={alert.raisedAt} ago /></dd>
        <dt>Signal cleared</dt><dd>{alert.clearedAt ? <When at={alert.clearedAt} ago /> : 'not yet'}</dd>
        <dt>Failure mode</dt><dd>{alert.failureMode ?? 'not named by the rule'}</dd>
        <dt>Judged by</dt><dd class="mono">{alert.release}</dd>
        <dt>Acknowledged</dt><dd>{alert.acknowledgedBy ? <>{alert.acknowledgedBy}, <When at={alert.acknowledgedAt} ago /></> : closed ? 'by nobody' : <>nobody yet{alert.acknowledgeBy && <>, due <When at={alert.acknowledgeBy} ago /></>}</>}</dd>
        {alert.shelvedUntil && <><dt>Shelved until</dt><dd><When at={alert.shelvedUntil} ago /></dd></>}
        <dt>Work order</dt><dd>{alert.workOrder ? `${alert.workOrder.number} (${alert.workOrder.state})` : 'none'}</dd>
        {closed && <><dt>Closed</dt><dd><When at={alert.closedAt} ago /></dd></>}
      </dl>
      {alert.feedback.map((one) => <p key={`${one.by} ${one.at}`} class="soft">{one.by} found: <strong>{one.verdict === 'confirmed' ? 'it was real' : one.verdict.replace('-', ' ')}</strong>{one.note && `, “${one.note}”`}</p>)}
      {failure && <p class="notice" role="alert">{failure}</p>}
      {!closed && (
        <>
          <label>Note<textarea rows={2} value={note} onInput={(event) => setNote(event.currentTarget.value)} placeholder="What was seen or done" /></label>
          <div class="actions">
            {untouched && <button type="button" class="primary" disabled={busy} onClick={() => answer('acknowledge', { note })}>Acknowledge</button>}
            {!alert.workOrder && <button type="button" disabled={busy} onClick={() => answer('work-order', { title: alert.recommendedAction })}>Make a work order</button>}
            {untouched && !alert.shelvedUntil && <button type="button" disabled={busy || silent} title={why} onClick={() => answer('shelve', { forSeconds: 3600, reason: note })}>Shelve for 1 h</button>}
          </div>
          <div class="actions"><span class="soft">When you know:</span>
            <button type="button" disabled={busy} onClick={() => answer('feedback', { verdict: 'confirmed', note, ...(alert.failureMode ? { failureMode: alert.failureMode } : {}) })}>It was real</button>
            <button type="button" disabled={busy} onClick={() => answer('feedback', { verdict: 'false-alarm', note })}>False alarm</button>
            <button type="button" disabled={busy || silent} title={why} onClick={() => answer('close', { reason: note })}>Close</button>
          </div>
          {silent && <p class="soft under">To shelve or to close, say in the note why.</p>}
        </>
      )}
    </Panel>
  )
}

const KINDS: Readonly<Record<string, string>> = { 'returned-to-normal': 'signal back to normal', overdue: 'nobody answered in time', 'work-order': 'work order', feedback: 'feedback' }
const ACTORS: Readonly<Record<string, string>> = { 'twinward:decision': 'the policy', 'twinward:clock': 'the clock' }

function Step({ event }: { event: AlertDetail['events'][number] }) {
  const said = ['note', 'reason', 'comment'].map((name) => event.detail[name]).find((text) => typeof text === 'string' && text !== '')
  const to = event.detail['to']
  return (
    <li>
      <strong>{KINDS[event.kind] ?? event.kind.replaceAll('-', ' ')}</strong>{typeof to === 'string' && ` to ${to}`} <span class="soft">by {ACTORS[event.actor] ?? event.actor}, <When at={event.at} ago /></span>
      {typeof said === 'string' && <div>“{said}”</div>}
    </li>
  )
}

/** The score three days before and one after the raising. */
function Around({ alert }: { alert: AlertDetail }) {
  const twin = useData(() => get<Twin>(`/v1/twins/${encodeURIComponent(alert.asset)}`, { site: alert.site }), `twin ${alert.site}/${alert.asset}`, 60_000)
  const raised = Date.parse(alert.raisedAt)
  const newest = Date.parse(twin.data?.scoredAt ?? alert.raisedAt)
  const range = useMemo(() => ({ from: raised - 3 * DAY, to: Math.max(raised, Math.min(newest, raised + DAY)) }), [raised, newest])
  const marks = useMemo(() => [alert], [alert.id, alert.raisedAt])
  if (!twin.data) return null
  return <Panel title="The score around it" wide aside={<a href={`/twins/${alert.site}/${alert.asset}?from=${range.from}&to=${range.to}`}>with readings</a>}><ScorePlot twin={twin.data} alerts={marks} range={range} height={180} /></Panel>
}
