import type { IncidentView } from '../../../../registry/services/read/incidents.ts'
import { getPages } from '../api.ts'
import { Badge, Empty, Notice, Tabs, When } from '../parts/bits.tsx'
import { More, usePages } from '../parts/more.tsx'
import { Table } from '../parts/table.tsx'
import { setParams, usePageTitle } from '../router.ts'
import { INCIDENT_BADGE } from '../text/incidents.ts'
import { coversSeveral } from '../text/sites.ts'
import type { Me } from '../types.ts'
import { useData } from '../use-data.ts'

/** What was found broken: one row a trouble, however many windows show it. */
export function IncidentsPage({ url, me }: { url: URL; me: Me }) {
  usePageTitle('Incidents')
  const shown = url.searchParams.get('show') === 'all' ? 'all' : 'open'
  const pages = usePages(shown)
  const { data, error, at } = useData(() => getPages<IncidentView>('/v1/incidents', { limit: 100, state: shown === 'all' ? undefined : 'unclosed' }, pages.count), `incidents ${shown} ${pages.count}`)
  return (
    <>
      <div class="head"><h1>Incidents</h1><Tabs label="Which incidents" choices={['open', 'all']} chosen={shown} onChoose={(choice) => setParams({ show: choice === 'all' ? 'all' : null })} /></div>
      <Notice error={error} at={at} />
      <section class="panel panel-wide">
        {!data && !error && <p class="loading" role="status">Loading…</p>}
        {data && data.items.length === 0 && (shown === 'all'
          ? <Empty title="No incident so far.">One is opened when a stored decision does not replay: <code>npm run twinward -- replay SCORE</code>.</Empty>
          : <Empty title="No open incident."><button type="button" onClick={() => setParams({ show: 'all' })}>Show closed ones too</button></Empty>)}
        {data && data.items.length > 0 && <Table label="Incidents" rows={data.items} keyOf={(one) => one.id} columns={[
          { head: 'Incident', main: true, cell: (one) => <a class="whole" href={`/incidents/${one.id}`}>{one.summary}</a> },
          coversSeveral(me) && { head: 'Site', cell: (one) => one.site },
          { head: 'State', cell: (one) => <><Badge kind={INCIDENT_BADGE[one.state]}>{one.state}</Badge>{one.state !== 'closed' && one.goodAgain === one.windows && <> <Badge kind="good">good when last replayed</Badge></>}</> },
          { head: 'Windows', kind: 'num', cell: (one) => one.windows },
          { head: 'Opened', cell: (one) => <When at={one.openedAt} ago /> },
          { head: 'Last seen', cell: (one) => <When at={one.lastSeenAt} ago /> },
        ]} />}
        <More data={data} onMore={pages.more} />
      </section>
    </>
  )
}
