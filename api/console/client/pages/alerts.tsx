import { getPages } from '../api.ts'
import { Badge, Empty, Notice, Tabs, When } from '../parts/bits.tsx'
import { More, usePages } from '../parts/more.tsx'
import { Table } from '../parts/table.tsx'
import { setParams, usePageTitle } from '../router.ts'
import { stateText } from '../text/alerts.ts'
import { coversSeveral } from '../text/sites.ts'
import type { AlertRow, Me } from '../types.ts'
import { useData } from '../use-data.ts'

/** Open episodes first: one row per lifecycle, not per sample. */
export function AlertsPage({ url, me }: { url: URL; me: Me }) {
  usePageTitle('Alerts')
  const shown = url.searchParams.get('show') === 'all' ? 'all' : 'open'
  const pages = usePages(shown)
  const { data, error, at } = useData(() => getPages<AlertRow>('/v1/alerts', { limit: 100, state: shown === 'all' ? undefined : 'open' }, pages.count), `alerts ${shown} ${pages.count}`)
  return (
    <>
      <div class="head"><h1>Alerts</h1><Tabs label="Which alerts" choices={['open', 'all']} chosen={shown} onChoose={(choice) => setParams({ show: choice === 'all' ? 'all' : null })} /></div>
      <Notice error={error} at={at} />
      <section class="panel panel-wide">
        {!data && !error && <p class="loading" role="status">Loading…</p>}
        {data && data.items.length === 0 && (shown === 'all'
          ? <Empty title="No alert so far.">An alert comes when a rule of the policy in force holds for its delay.</Empty>
          : <Empty title="No open alert."><button type="button" onClick={() => setParams({ show: 'all' })}>Show closed ones too</button></Empty>)}
        {data && data.items.length > 0 && <Table label="Alerts" rows={data.items} keyOf={(alert) => alert.id} columns={[
          { head: 'Alert', main: true, cell: (alert) => <><a class="whole" href={`/alerts/${alert.id}`}>{alert.rule}</a> <Badge kind={alert.severity}>{alert.severity}</Badge></> },
          { head: 'Machine', cell: (alert) => <a href={`/twins/${alert.site}/${alert.asset}`}>{alert.asset}</a> },
          coversSeveral(me) && { head: 'Site', cell: (alert) => alert.site },
          { head: 'Raised', cell: (alert) => <When at={alert.raisedAt} ago /> },
          { head: 'State', cell: (alert) => <><Badge kind={alert.state}>{stateText(alert.state)}</Badge>{alert.shelvedUntil && <> <Badge kind="low">shelved</Badge></>}{alert.escalationLevel > 0 && alert.state !== 'closed' && <> <Badge kind="high">escalated {alert.escalationLevel}×</Badge></>}</> },
          { head: 'What to do', cell: (alert) => alert.recommendedAction },
        ]} />}
        <More data={data} onMore={pages.more} />
      </section>
    </>
  )
}
