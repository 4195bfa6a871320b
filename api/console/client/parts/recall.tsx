import { useState } from 'preact/hooks'
import type { RecallView } from '../../../../registry/services/recall-readings.ts'
import { get } from '../api.ts'
import type { Me, Page } from '../types.ts'
import { useData } from '../use-data.ts'
import { Failure, useSend } from '../use-send.tsx'
import { Badge, Empty, Panel, When } from './bits.tsx'
import { Table } from './table.tsx'

const STATE: Readonly<Record<RecallView['state'], { kind: string; text: string }>> = {
  pending: { kind: 'medium', text: 'waits for its next report' }, accepted: { kind: 'medium', text: 'ships' }, done: { kind: 'good', text: 'done' }, refused: { kind: 'high', text: 'refused' },
}

/** What its raw store still holds, shipped again; and what was asked for before. Times are UTC, as everywhere. */
export function Recalls({ site, gateway, me }: { site: string; gateway: string; me: Me }) {
  const path = `/v1/gateways/${encodeURIComponent(gateway)}/recalls`
  const { data } = useData(() => get<Page<RecallView>>(path, { site, limit: 10 }), `recalls of ${site}/${gateway}`)
  const sending = useSend({ site })
  const [tags, setTags] = useState('')
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const named = tags.split(/[\s,]+/).filter((tag) => tag !== '')
  const order = () => sending.send(path, { tags: named, from: `${from}:00Z`, to: `${to}:00Z` }, () => setTags(''))
  return (
    <Panel title="Recall raw readings" wide>
      {me.rights.includes('gateway.recall') && (
        <form class="actions" onSubmit={(event) => { event.preventDefault(); order() }}>
          <label>Tags <input required value={tags} placeholder="pump-1/motor-temp …" onInput={(event) => setTags(event.currentTarget.value)} /></label>
          <label>From (UTC) <input required type="datetime-local" value={from} onInput={(event) => setFrom(event.currentTarget.value)} /></label>
          <label>To (UTC) <input required type="datetime-local" value={to} onInput={(event) => setTo(event.currentTarget.value)} /></label>
          <button type="submit" disabled={sending.busy || named.length === 0 || from === '' || to === ''}>Recall</button>
        </form>
      )}
      <Failure of={sending} />
      {data?.items.length === 0 && <Empty title="Nothing was recalled so far.">The site file says how long a gateway keeps what it read: <code>buffer.keepRaw</code>.</Empty>}
      {data && data.items.length > 0 && <Table label="Recalls" rows={data.items} keyOf={(one) => one.id} columns={[
        { head: 'Tags', main: true, cell: (one) => one.tags.join(', ') }, { head: 'From', cell: (one) => <When at={one.from} /> }, { head: 'To', cell: (one) => <When at={one.to} /> },
        { head: 'State', cell: (one) => <><Badge kind={STATE[one.state].kind}>{STATE[one.state].text}</Badge>{one.detail && <span class="soft"> {one.detail}</span>}</> },
        { head: 'Rows', kind: 'num', cell: (one) => one.rows.toLocaleString('en') }, { head: 'Asked by', cell: (one) => one.requestedBy },
      ]} />}
    </Panel>
  )
}
