import 'uplot/dist/uPlot.min.css'
import './styles.css'
import { render } from 'preact'
import { useState } from 'preact/hooks'
import { get, remove } from './api.ts'
import { AlertPage } from './pages/alert.tsx'
import { AlertsPage } from './pages/alerts.tsx'
import { FleetPage } from './pages/fleet.tsx'
import { GatePage } from './pages/gate.tsx'
import { GatesPage } from './pages/gates.tsx'
import { LedgerPage } from './pages/ledger.tsx'
import { LoginPage } from './pages/login.tsx'
import { TwinPage } from './pages/twin.tsx'
import { useLocation } from './router.ts'
import type { Me, Page, GateRow, AlertRow } from './types.ts'
import { useData } from './use-data.ts'

const routes: { pattern: RegExp; page: (params: string[], url: URL, me: Me) => preact.JSX.Element }[] = [
  { pattern: /^\/$/, page: (_params, url) => <FleetPage site={url.searchParams.get('site')} /> },
  { pattern: /^\/twins\/([^/]+)\/([^/]+)$/, page: ([site = '', asset = '']) => <TwinPage site={site} asset={asset} /> },
  { pattern: /^\/gates$/, page: () => <GatesPage /> },
  { pattern: /^\/gates\/([^/]+)$/, page: ([id = ''], _url, me) => <GatePage id={id} me={me} /> },
  { pattern: /^\/alerts$/, page: () => <AlertsPage /> },
  { pattern: /^\/alerts\/([^/]+)$/, page: ([id = '']) => <AlertPage id={id} /> },
  { pattern: /^\/ledger$/, page: () => <LedgerPage /> },
]

function App() {
  const [session, setSession] = useState(0)
  const me = useData(() => get<Me>('/v1/me'), `me${session}`, 60_000)
  if (me.error?.status === 401) return <LoginPage onDone={() => setSession(session + 1)} />
  if (!me.data) return me.error ? <main><p class="notice" role="alert">{me.error.message}</p></main> : null
  return <Shell me={me.data} onLeave={() => void remove('/v1/session').finally(() => setSession(session + 1))} />
}

function Shell({ me, onLeave }: { me: Me; onLeave: () => void }) {
  const url = useLocation()
  const gates = useData(() => get<Page<GateRow>>('/v1/gates', { state: 'open', waitingForMe: 'true', limit: 100 }), 'nav-gates', 10_000)
  const alerts = useData(() => get<Page<AlertRow>>('/v1/alerts', { state: 'unacknowledged', limit: 100 }), 'nav-alerts', 10_000)
  const link = (href: string, label: string, count = 0) => {
    const here = href === '/' ? url.pathname === '/' || url.pathname.startsWith('/twins') : url.pathname.startsWith(href)
    return <a href={href} aria-current={here ? 'page' : undefined}>{label}{count > 0 && <span class="count">{count}</span>}</a>
  }
  const match = routes.map((route) => ({ route, found: route.pattern.exec(url.pathname) })).find(({ found }) => found)
  return (
    <>
      <div class="top">
        <a class="brand" href="/"><img src="/assets/icon.svg" alt="" />Twinward</a>
        <nav aria-label="Main">
          {link('/', 'Fleet')}
          {link('/alerts', 'Alerts', alerts.data?.items.length)}
          {link('/gates', 'Gates', gates.data?.items.length)}
          {link('/ledger', 'Ledger')}
        </nav>
        <span class="who" title={me.roles.join(', ')}>{me.name ?? me.id} · <a href="/" onClick={(event) => { event.preventDefault(); onLeave() }}>Leave</a></span>
      </div>
      <main>{match ? match.route.page((match.found ?? []).slice(1).map(decodeURIComponent), url, me) : <p class="empty">There is no page here. <a href="/">Back to the fleet</a></p>}</main>
    </>
  )
}

const root = document.getElementById('app')
if (root) render(<App />, root)
