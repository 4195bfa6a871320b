import { get } from '../api.ts'
import { Badge, Empty, Notice, When } from '../parts/bits.tsx'
import { Sparkline } from '../parts/chart.tsx'
import type { Page, TwinSummary } from '../types.ts'
import { useData } from '../use-data.ts'

const RANK = { urgent: 4, high: 3, medium: 2, low: 1 } as const
const rank = (twin: TwinSummary) => (twin.severity ? RANK[twin.severity] : 0)

/** Every machine at a glance, the worst first. */
export function FleetPage({ site }: { site: string | null }) {
  const { data, error } = useData(() => get<Page<TwinSummary>>('/v1/twins', { site, limit: 500 }), `fleet${site ?? ''}`)
  const twins = [...(data?.items ?? [])].sort((a, b) => rank(b) - rank(a) || (a.health ?? 101) - (b.health ?? 101) || a.name.localeCompare(b.name))
  const alerting = twins.filter((twin) => twin.openAlerts > 0).length
  return (
    <>
      <div class="head">
        <h1>Fleet</h1>
        {data && <span class="soft">{twins.length} machines, {alerting === 0 ? 'none with an open alert' : `${alerting} with an open alert`}</span>}
      </div>
      <Notice error={error} />
      {data && twins.length === 0 && <Empty>No machine is registered yet. Bring them in with <code>twinward import assets FILE</code>.</Empty>}
      <div class="fleet">{twins.map((twin) => <TwinCard key={`${twin.site}/${twin.asset}`} twin={twin} />)}</div>
    </>
  )
}

function TwinCard({ twin }: { twin: TwinSummary }) {
  const level = twin.severity ?? (twin.health === null ? 'unknown' : 'good')
  return (
    <a class="card" data-level={level} href={`/twins/${encodeURIComponent(twin.site)}/${encodeURIComponent(twin.asset)}`}>
      <h2><span>{twin.name}</span>{twin.severity && <Badge kind={twin.severity}>{twin.severity}</Badge>}</h2>
      <div class="soft">{twin.site} · {twin.line} · {twin.family}</div>
      <div class="row">
        <div><span class="health">{twin.health === null ? '–' : Math.round(twin.health)}</span> <span class="soft">health</span></div>
        <Sparkline values={twin.trend} />
      </div>
      <footer>{twin.scoredAt ? <>Scored through <When at={twin.scoredAt} />{twin.lane === 'backfill' && ' (imported history)'}</> : 'Not scored yet: no release is in force'}</footer>
    </a>
  )
}
