import type { GatewayView } from '../../../../registry/services/read/gateways.ts'
import type { FleetUpdateView } from '../../../../registry/services/read/gateway-updates.ts'
import { get, getPages } from '../api.ts'
import { Ago, Badge, Empty, Notice } from '../parts/bits.tsx'
import { EnrolNew } from '../parts/enrol-gateway.tsx'
import { GatewayUpdates } from '../parts/gateway-updates.tsx'
import { More, usePages } from '../parts/more.tsx'
import { Table } from '../parts/table.tsx'
import { usePageTitle } from '../router.ts'
import { byUrgency, CERTIFICATE_DAYS_SHORT, daysLeft, GATEWAY_BADGE, gatewayWord, sizeText, skewText } from '../text/gateways.ts'
import { coversSeveral } from '../text/sites.ts'
import type { Me, Page } from '../types.ts'
import { useData } from '../use-data.ts'

const NONE: FleetUpdateView[] = []

/** The boxes of the fleet: which are well, how far behind, how long their certificates last. Those that want somebody come first. */
export function GatewaysPage({ me }: { me: Me }) {
  usePageTitle('Gateways')
  const pages = usePages('gateways')
  const { data, error, at } = useData(() => getPages<GatewayView>('/v1/gateways', { limit: 200 }, pages.count), `gateways ${pages.count}`)
  const updates = useData(() => get<Page<FleetUpdateView>>('/v1/gateway-updates', { limit: 5 }), 'gateway updates')
  return (
    <>
      <div class="head"><h1>Gateways</h1></div>
      <Notice error={error} at={at} />
      <section class="panel panel-wide">
        {!data && !error && <p class="loading" role="status">Loading…</p>}
        {data && data.items.length === 0 && <Empty title="No gateway has been heard of.">One comes in with <code>npm run twinward -- gateways enrol NAME --site SITE</code>, or from a simulation: <code>npm run demo</code>.</Empty>}
        {data && data.items.length > 0 && <Table label="Gateways" rows={byUrgency(data.items)} keyOf={(one) => `${one.site}/${one.id}`} columns={[
          { head: 'Gateway', main: true, cell: (one) => <a class="whole" href={`/gateways/${encodeURIComponent(one.site)}/${encodeURIComponent(one.id)}`}>{one.id}</a> },
          coversSeveral(me) && { head: 'Site', cell: (one) => one.site },
          { head: 'State', cell: (one) => <><Badge kind={GATEWAY_BADGE[gatewayWord(one)]}>{gatewayWord(one)}</Badge>{one.problems[0] !== undefined && <span class="soft"> {one.problems[0]}</span>}</> },
          { head: 'Last seen', cell: (one) => <Ago at={one.lastSeenAt} /> },
          { head: 'Waiting', kind: 'num', cell: (one) => (one.bufferedRows === null ? '–' : <span title={sizeText(one.bufferedBytes)}>{one.bufferedRows.toLocaleString('en')}</span>) },
          { head: 'Gaps', kind: 'num', cell: (one) => one.openGaps },
          { head: 'Clock', kind: 'num', cell: (one) => skewText(one.clockSkewUs) },
          { head: 'Certificate', kind: 'num', cell: (one) => <Certificate notAfter={one.certificateNotAfter} /> },
          { head: 'Version', cell: (one) => one.version ?? '–' },
        ]} />}
        <More data={data} onMore={pages.more} />
      </section>
      <div class="grid"><GatewayUpdates updates={updates.data?.items ?? NONE} me={me} /><EnrolNew me={me} /></div>
    </>
  )
}

export function Certificate({ notAfter }: { notAfter: string | null }) {
  const days = daysLeft(notAfter, Date.now())
  if (days === null) return <span class="soft" title="It shows none: enrol it">none</span>
  return days < CERTIFICATE_DAYS_SHORT ? <Badge kind="high">{days <= 0 ? 'expired' : `${days} d left`}</Badge> : <>{days} d</>
}
