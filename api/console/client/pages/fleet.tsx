import { getPages } from '../api.ts'
import { now } from '../clock.ts'
import { Ago, Badge, counted, Empty, Notice, Tabs, When } from '../parts/bits.tsx'
import { Sparkline } from '../parts/sparkline.tsx'
import { setParams, usePageTitle } from '../router.ts'
import { needsOf, rankOf, silentFor, type Need } from '../text/alerts.ts'
import { spanText } from '../text/time.ts'
import type { AlertRow, Page, TwinSummary } from '../types.ts'
import { useData, type Loaded } from '../use-data.ts'

/** From this many machines on one looks for a name rather than at all of them. */
const MANY = 12
const twinHref = ({ site, asset }: { site: string; asset: string }) => `/twins/${encodeURIComponent(site)}/${encodeURIComponent(asset)}`

/** Which machine needs somebody now; then every machine, the worst first. */
export function FleetPage({ url, alerts, gatesForMe, incidents }: { url: URL; alerts: Loaded<Page<AlertRow>>; gatesForMe: number; incidents: number }) {
  const site = url.searchParams.get('site')
  const wanted = (url.searchParams.get('find') ?? '').toLowerCase()
  const { data, error, at } = useData(() => getPages<TwinSummary>('/v1/twins', { limit: 500 }, 10), 'fleet')
  const all = data?.items ?? []
  const sites = [...new Set(all.map((twin) => twin.site))].sort()
  const twins = all
    .filter((twin) => (site === null || twin.site === site) && `${twin.name} ${twin.asset} ${twin.line} ${twin.family}`.toLowerCase().includes(wanted))
    .sort((a, b) => rankOf(b.severity) - rankOf(a.severity) || (a.health ?? 101) - (b.health ?? 101) || a.name.localeCompare(b.name))
  const names = new Map(all.map((twin) => [`${twin.site}/${twin.asset}`, twin.name]))
  const needs = needsOf(alerts.data?.items ?? []).filter(({ alert }) => site === null || alert.site === site)
  usePageTitle(needs.length > 0 ? `(${needs.length}) Fleet` : 'Fleet')
  return (
    <>
      <div class="head"><h1>Fleet</h1>{data && <span class="soft">{counted(all.length, 'machine')}{sites.length > 1 && ` at ${counted(sites.length, 'site')}`}</span>}</div>
      <Notice error={error ?? alerts.error} at={at} />
      {!data && !error && <p class="loading" role="status">Loading…</p>}
      {data && alerts.data && all.length > 0 && <Now needs={needs} names={names} twins={twins} incidents={incidents} />}
      {gatesForMe > 0 && <p class="hint"><a href="/gates">{gatesForMe === 1 ? '1 gate waits' : `${gatesForMe} gates wait`} for your decision</a></p>}
      {data && all.length === 0 && (
        <section class="panel"><Empty title="No machine is registered yet.">
          Bring in a history with <code>npm run twinward -- import --map MAP.yaml --asset ID FILES</code>, or a plant with <code>npm run twinward -- import assets PLANT.yaml</code>.
        </Empty></section>
      )}
      {(sites.length > 1 || all.length > MANY) && (
        <div class="filters">
          {sites.length > 1 && <Tabs label="Site" choices={['', ...sites]} chosen={site ?? ''} onChoose={(choice) => setParams({ site: choice })} name={(one) => one || 'all sites'} />}
          {all.length > MANY && <input type="search" aria-label="Find a machine" placeholder="Find a machine" value={wanted} onInput={(event) => setParams({ find: event.currentTarget.value })} />}
        </div>
      )}
      <div class="fleet">{twins.map((twin) => <TwinCard key={`${twin.site}/${twin.asset}`} twin={twin} />)}</div>
      {all.length > 0 && twins.length === 0 && <Empty title="No machine fits."><button type="button" onClick={() => setParams({ find: null, site: null })}>Show all</button></Empty>}
      {data?.nextCursor && <p class="soft">Only the first {all.length} machines are shown.</p>}
    </>
  )
}

/** The one thing to know at three in the morning. */
function Now({ needs, names, twins, incidents }: { needs: Need[]; names: Map<string, string>; twins: TwinSummary[]; incidents: number }) {
  const nowMs = now.use()
  const silent = twins.filter((twin) => silentFor(twin, nowMs) !== null)
  const silence = silent.length > 0 && (
    <p class="silence"><strong>{silent.length === 1 ? '1 machine is silent' : `${silent.length} machines are silent`}</strong>: no new window from {silent.slice(0, 4).map((twin, i) => <>{i > 0 && ', '}<a href={twinHref(twin)}>{twin.name}</a></>)}{silent.length > 4 && ` and ${silent.length - 4} more`}. What it does now is not known: look at its gateway.</p>
  )
  const newest = twins.map((twin) => twin.scoredAt).filter((at): at is string => at !== null).sort().at(-1)
  if (needs.length === 0) {
    const inHand = twins.filter((twin) => twin.openAlerts > 0).length
    return (
      <section class={`now ${silence ? 'now-silent' : 'now-calm'}`} role="status">
        <strong>{silence || incidents > 0 ? 'No alert is unanswered.' : 'Nothing needs you now.'}</strong>
        <span>{inHand > 0 && `${counted(inHand, 'machine')} with an alert in hand. `}{newest && <>Newest window: <When at={newest} ago />.</>}</span>
        {silence}
      </section>
    )
  }
  return (
    <section class="now" aria-label="Needs you now">
      <h2>{needs.length === 1 ? '1 machine needs you now' : `${needs.length} machines need you now`}</h2>
      <ol>{needs.slice(0, 8).map(({ alert, more }) => (
        <li key={alert.id} data-level={alert.severity}>
          <a class="need" href={`/alerts/${alert.id}`}>
            <Badge kind={alert.severity}>{alert.severity}</Badge>
            <div class="need-what"><strong>{names.get(`${alert.site}/${alert.asset}`) ?? alert.asset}</strong>: {alert.recommendedAction}</div>
            <div class="soft need-since">
              {alert.rule}, {alert.state === 'returned-unacknowledged' ? 'back to normal by itself, unanswered' : 'unanswered'}; called <Ago at={alert.createdAt} />{alert.escalationLevel > 0 && ', escalated'}{more > 0 && `; ${counted(more, 'more alert')}`}
            </div>
          </a>
        </li>
      ))}</ol>
      {needs.length > 8 && <p><a href="/alerts">All {needs.length}</a></p>}
      {silence}
    </section>
  )
}

function TwinCard({ twin }: { twin: TwinSummary }) {
  const silence = silentFor(twin, now.use())
  const level = twin.severity ?? (silence !== null ? 'unknown' : twin.health === null ? 'unknown' : twin.health < 50 ? 'medium' : 'good')
  return (
    <a class="card" data-level={level} href={twinHref(twin)}>
      <h2><span>{twin.name}</span>{twin.severity && <Badge kind={twin.severity}>{twin.openAlerts > 1 ? `${twin.openAlerts} × ${twin.severity}` : twin.severity}</Badge>}</h2>
      <div class="soft place">{twin.site} · {twin.line}</div>
      <div class="row">
        <div><span class="health">{twin.health === null ? '–' : Math.round(twin.health)}</span> <span class="soft">health</span></div>
        <Sparkline values={twin.trend} />
      </div>
      <footer>{twin.scoredAt ? <>Scored through <When at={twin.scoredAt} ago />{twin.lane === 'backfill' && ' (imported history)'}{silence !== null && <> <Badge kind="high">silent for {spanText(silence)}</Badge></>}</> : 'Not scored yet: no release is in force'}</footer>
    </a>
  )
}
