import { getPages } from '../api.ts'
import { Badge, counted, Empty, Notice, When } from '../parts/bits.tsx'
import { More, usePages } from '../parts/more.tsx'
import { Table } from '../parts/table.tsx'
import { usePageTitle } from '../router.ts'
import { coversSeveral } from '../text/sites.ts'
import { KINDS, progressText, resultText, stateText } from '../text/operations.ts'
import type { Me, OperationRow } from '../types.ts'
import { useData } from '../use-data.ts'
import { Failure, useSend } from '../use-send.tsx'

/** Long work that people asked for: how far it is, and how it ended. */
export function OperationsPage({ me }: { me: Me }) {
  usePageTitle('Operations')
  const pages = usePages('operations')
  const { data, error, at, reload } = useData(() => getPages<OperationRow>('/v1/operations', { limit: 50 }, pages.count), `operations ${pages.count}`, 2_000)
  return (
    <>
      <div class="head"><h1>Operations</h1><span class="soft">Trainings, drift checks and rescores, newest first</span></div>
      <Notice error={error} at={at} />
      <section class="panel panel-wide">
        {!data && !error && <p class="loading" role="status">Loading…</p>}
        {data && data.items.length === 0 && <Empty title="Nothing was asked for yet.">Train a model: <code>npm run twinward -- train FAMILY --site SITE</code>.</Empty>}
        {data && data.items.length > 0 && <Table label="Operations" rows={data.items} keyOf={(one) => one.id} columns={[
          { head: 'What', main: true, cell: (one) => <><strong>{KINDS[one.kind] ?? one.kind}</strong> <span class="mono soft" title={one.id}>{one.id.slice(0, 8)}</span></> },
          coversSeveral(me) && { head: 'Site', cell: (one) => one.site },
          { head: 'State', cell: (one) => <Badge kind={one.paused ? 'low' : one.state}>{stateText(one)}</Badge> },
          { head: 'How far', cell: (one) => <Progress one={one} /> },
          { head: 'Asked for', cell: (one) => <>{one.requestedBy}, <When at={one.createdAt} ago /></> },
          { head: 'Ended', cell: (one) => (one.endedAt ? <When at={one.endedAt} ago /> : <Verbs one={one} me={me} onDone={reload} />) },
        ]} />}
        <More data={data} onMore={pages.more} />
      </section>
    </>
  )
}

function Progress({ one }: { one: OperationRow }) {
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

function Verbs({ one, me, onDone }: { one: OperationRow; me: Me; onDone: () => void }) {
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
