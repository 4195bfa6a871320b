import 'uplot/dist/uPlot.min.css'
import './styles/base.css'
import './styles/parts.css'
import './styles/pages.css'
import { render, type JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { IncidentView } from '../../../registry/services/read/incidents.ts'
import { get, getPages, remove, SIGNED_OUT } from './api.ts'
import { AlertPage } from './pages/alert.tsx'
import { AlertsPage } from './pages/alerts.tsx'
import { DelegationsPage } from './pages/delegations.tsx'
import { FleetPage } from './pages/fleet.tsx'
import { GatePage } from './pages/gate.tsx'
import { GatesPage } from './pages/gates.tsx'
import { GatewayPage } from './pages/gateway.tsx'
import { GatewaysPage } from './pages/gateways.tsx'
import { IncidentPage } from './pages/incident.tsx'
import { IncidentsPage } from './pages/incidents.tsx'
import { LedgerPage } from './pages/ledger.tsx'
import { LoginPage } from './pages/login.tsx'
import { OperationPage } from './pages/operation.tsx'
import { OperationsPage } from './pages/operations.tsx'
import { PolicyPage } from './pages/policy.tsx'
import { RolloutPage } from './pages/rollout.tsx'
import { RolloutsPage } from './pages/rollouts.tsx'
import { TwinPage } from './pages/twin.tsx'
import { Banners } from './parts/banners.tsx'
import { Notice } from './parts/bits.tsx'
import { ZoneButton } from './parts/zone.tsx'
import { useLocation, usePageTitle } from './router.ts'
import { isUnanswered } from './text/alerts.ts'
import type { Me, Page, GateRow, AlertRow } from './types.ts'
import { forgetData, useData, type Loaded } from './use-data.ts'

/** What every page may ask: who reads, where they are, and what is open; of incidents those that nobody has in hand. */
interface Around { url: URL; me: Me; alerts: Loaded<Page<AlertRow>>; gatesForMe: number; incidents: number }

const routes: { pattern: RegExp; page: (params: string[], around: Around) => JSX.Element }[] = [
  { pattern: /^\/$/, page: (_params, { url, alerts, gatesForMe, incidents }) => <FleetPage url={url} alerts={alerts} gatesForMe={gatesForMe} incidents={incidents} /> },
  { pattern: /^\/twins\/([^/]+)\/([^/]+)$/, page: ([site = '', asset = ''], { url, me }) => <TwinPage key={`${site}/${asset}`} site={site} asset={asset} url={url} me={me} /> },
  { pattern: /^\/gates$/, page: (_params, { url, me }) => <GatesPage url={url} me={me} /> },
  { pattern: /^\/gates\/([^/]+)$/, page: ([id = ''], { me }) => <GatePage key={id} id={id} me={me} /> },
  { pattern: /^\/rollouts$/, page: (_params, { me }) => <RolloutsPage me={me} /> },
  { pattern: /^\/rollouts\/([^/]+)$/, page: ([id = ''], { me }) => <RolloutPage key={id} id={id} me={me} /> },
  { pattern: /^\/delegations$/, page: (_params, { me }) => <DelegationsPage me={me} /> },
  { pattern: /^\/policies\/([^/]+)\/([^/]+)$/, page: ([site = '', family = ''], { me }) => <PolicyPage key={`${site}/${family}`} site={site} family={family} me={me} /> },
  { pattern: /^\/alerts$/, page: (_params, { url, me }) => <AlertsPage url={url} me={me} /> },
  { pattern: /^\/alerts\/([^/]+)$/, page: ([id = ''], { me }) => <AlertPage key={id} id={id} me={me} /> },
  { pattern: /^\/incidents$/, page: (_params, { url, me }) => <IncidentsPage url={url} me={me} /> },
  { pattern: /^\/incidents\/([^/]+)$/, page: ([id = ''], { me }) => <IncidentPage key={id} id={id} me={me} /> },
  { pattern: /^\/operations$/, page: (_params, { me }) => <OperationsPage me={me} /> },
  { pattern: /^\/operations\/([^/]+)$/, page: ([id = ''], { me }) => <OperationPage key={id} id={id} me={me} /> },
  { pattern: /^\/gateways$/, page: (_params, { me }) => <GatewaysPage me={me} /> },
  { pattern: /^\/gateways\/([^/]+)\/([^/]+)$/, page: ([site = '', id = ''], { me }) => <GatewayPage key={`${site}/${id}`} site={site} id={id} me={me} /> },
  { pattern: /^\/ledger$/, page: (_params, { me }) => <LedgerPage me={me} /> },
]

function App() {
  const [session, setSession] = useState(0)
  const me = useData(() => get<Me>('/v1/me'), `me${session}`, 60_000)
  const again = () => { forgetData(); setSession((old) => old + 1) }
  useEffect(() => {
    addEventListener(SIGNED_OUT, again)
    return () => removeEventListener(SIGNED_OUT, again)
  }, [])
  if (me.error?.status === 401) return <LoginPage onDone={again} />
  if (!me.data) return <main>{me.error ? <Notice error={me.error} /> : <p class="loading" role="status">Loading…</p>}</main>
  return <Shell me={me.data} onLeave={() => void remove('/v1/session').finally(again)} />
}

function Shell({ me, onLeave }: { me: Me; onLeave: () => void }) {
  const url = useLocation()
  const gates = useData(() => get<Page<GateRow>>('/v1/gates', { waitingForMe: 'true', limit: 100 }), 'nav-gates', 10_000)
  const emergencies = useData(() => get<Page<GateRow>>('/v1/gates', { review: 'due', limit: 20 }), 'nav-emergencies', 10_000)
  const incidents = useData(() => getPages<IncidentView>('/v1/incidents', { state: 'unclosed', limit: 100 }, 1), 'nav-incidents', 10_000).data?.items ?? []
  const alerts = useData(() => getPages<AlertRow>('/v1/alerts', { state: 'open', limit: 500 }, 4), 'nav-alerts', 5_000)
  const unansweredIncidents = incidents.filter(({ state }) => state === 'open')
  const unanswered = (alerts.data?.items ?? []).filter(isUnanswered).length
  const link = (href: string, label: string, count = 0, what = '') => {
    const here = href === '/' ? url.pathname === '/' || url.pathname.startsWith('/twins') : url.pathname.startsWith(href)
    return <a href={href} aria-current={here ? 'page' : undefined}>{label}{count > 0 && <span class="count" title={`${count} ${what}`}>{count}</span>}</a>
  }
  const match = routes.map((route) => ({ route, found: route.pattern.exec(url.pathname) })).find(({ found }) => found)
  return (
    <>
      <a class="skip" href="#main" data-plain>Skip to the page</a>
      <div class="top">
        <a class="brand" href="/"><img src="/assets/icon.svg" alt="" />Twinward</a>
        <nav aria-label="Main">
          {link('/', 'Fleet')}
          {link('/alerts', 'Alerts', unanswered, 'unanswered')}
          {link('/gates', 'Gates', gates.data?.items.length, 'waiting for you')}
          {(incidents.length > 0 || url.pathname.startsWith('/incidents')) && link('/incidents', 'Incidents', incidents.length, 'that nobody has closed')}
          {link('/gateways', 'Gateways')}
          {link('/operations', 'Operations')}
          {link('/ledger', 'Ledger')}
        </nav>
        <div class="who"><ZoneButton /><span title={me.roles.join(', ')}>{me.name ?? me.id}</span><button type="button" class="quiet" onClick={onLeave}>Sign out</button></div>
      </div>
      {/* On its own page an incident needs none. */}
      <Banners emergencies={emergencies.data?.items ?? []} unanswered={unansweredIncidents.filter(({ id }) => url.pathname !== `/incidents/${id}`)} />
      <main id="main" tabIndex={-1}>
        {match ? match.route.page((match.found ?? []).slice(1).map(decodeURIComponent), { url, me, alerts, gatesForMe: gates.data?.items.length ?? 0, incidents: unansweredIncidents.length }) : <NoPage />}
      </main>
    </>
  )
}

function NoPage() {
  usePageTitle('No such page')
  return <section class="panel lost"><h1>There is no page here</h1><p>The address may be mistyped, or from another version.</p><p><a class="button" href="/">Back to the fleet</a></p></section>
}

const root = document.getElementById('app')
if (root) render(<App />, root)
