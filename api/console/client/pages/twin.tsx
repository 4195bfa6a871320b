import { useMemo, useState } from 'preact/hooks'
import { get, type Query } from '../api.ts'
import { Badge, Empty, Notice, number, Panel, When } from '../parts/bits.tsx'
import { Chart, type Mark } from '../parts/chart.tsx'
import { LineageDrawing } from '../parts/lineage.tsx'
import type { AlertRow, Page, ReadingSeries, TrendPoint, Twin } from '../types.ts'
import { useData } from '../use-data.ts'

/** In days. */
const SPANS = { hour: 1 / 24, day: 1, week: 7, month: 31, year: 366 } as const
type Span = keyof typeof SPANS
const trendOf = (twin: { site: string; asset: string }, query: Query) =>
  get<Page<TrendPoint>>(`/v1/twins/${encodeURIComponent(twin.asset)}/trend`, { site: twin.site, ...query })
/** The shortest span that holds everything since `first`: a machine that is new shows its minutes, not an empty month. */
function spanSince(first: string | undefined, end: string): Span {
  const days = first === undefined ? SPANS.month : (Date.parse(end) - Date.parse(first)) / 86_400_000
  return (Object.keys(SPANS) as Span[]).find((span) => SPANS[span] >= days) ?? 'month'
}
const seconds = (iso: string) => Date.parse(iso) / 1000

/** One machine: the four questions, its score against the threshold, its readings, its alerts and where they come from. */
export function TwinPage({ site, asset }: { site: string; asset: string }) {
  const twin = useData(() => get<Twin>(`/v1/twins/${encodeURIComponent(asset)}`, { site }), `${site}/${asset}`)
  const history = useData(() => get<Page<AlertRow>>('/v1/alerts', { site, asset, limit: 50 }), `alerts${site}/${asset}`)
  const oldest = useData(() => trendOf({ site, asset }, { points: 1 }), `oldest${site}/${asset}`, 600_000)
  const [chosen, setSpan] = useState<Span | null>(null)
  const end = oldest.data ? twin.data?.scoredAt ?? newest(twin.data) : null
  const span = chosen ?? spanSince(oldest.data?.items[0]?.from, end ?? '')
  const from = end ? new Date(Date.parse(end) - SPANS[span] * 86_400_000).toISOString() : null
  if (!twin.data) return <Notice error={twin.error} />
  const t = twin.data
  const alerts = history.data?.items ?? []
  return (
    <>
      <div class="head">
        <div class="trail"><a href="/">Fleet</a> › {t.site} › {t.line}</div>
        <h1>{t.name}</h1>
        {t.severity ? <Badge kind={t.severity}>{t.severity}</Badge> : t.health !== null && <Badge kind="good">no open alert</Badge>}
        <span class="soft">{t.family} · criticality {t.criticality}{t.release && <> · judged by <span class="mono">{t.release}</span></>}</span>
      </div>
      <Notice error={twin.error} />
      <div class="grid">
        <Panel title={`Health ${t.health === null ? 'unknown' : Math.round(t.health)}`} wide>
          <dl class="questions">
            <div><dt>Is it drifting?</dt><dd>{t.questions.drifting}</dd></div>
            <div><dt>How fast?</dt><dd>{t.questions.howFast}</dd></div>
            <div><dt>Which failure mode?</dt><dd>{t.questions.failureMode}</dd></div>
            <div><dt>What to do?</dt><dd>{t.questions.whatToDo}</dd></div>
          </dl>
        </Panel>
        {from && end ? <ScorePanel twin={t} alerts={alerts} from={from} to={end} span={span} onSpan={setSpan} /> : <Panel title="Score" wide><Empty>Nothing was scored yet.</Empty></Panel>}
        {from && end && <ReadingPanel twin={t} from={from} to={end} />}
        <AlertsPanel alerts={alerts} />
        <LineagePanel site={site} alert={alerts[0]} />
      </div>
    </>
  )
}

function newest(twin: Twin | undefined): string | null {
  const times = (twin?.tags ?? []).map((tag) => tag.at).filter((at): at is string => at !== null).sort()
  return times.at(-1) ?? null
}

function ScorePanel({ twin, alerts, from, to, span, onSpan }: { twin: Twin; alerts: AlertRow[]; from: string; to: string; span: Span; onSpan: (span: Span) => void }) {
  // `to` is the end of the newest window and the query's end is exclusive: one more millisecond takes it in.
  const until = new Date(Date.parse(to) + 1).toISOString()
  const { data, error } = useData(() => trendOf(twin, { from, to: until, points: 600 }), `trend${twin.site}${twin.asset}${span}${to}`, 15_000)
  const rows = data?.items ?? []
  const times = useMemo(() => rows.map((row) => seconds(row.from)), [data])
  const series = useMemo(() => [{ label: 'confidence of a fault', color: 'main' as const, values: rows.map((row) => row.confidence.max) }], [data])
  const marks = useMemo((): Mark[] => alerts.map((alert) => ({ at: seconds(alert.raisedAt), label: alert.rule, kind: 'alert' })), [alerts])
  const levels = useMemo(() => twin.rules.filter((rule) => rule.signal === 'confidence').map((rule) => ({ value: rule.raiseAt, label: `${rule.id} raises at ${rule.raiseAt}`, kind: 'raise' as const })), [JSON.stringify(twin.rules.map((rule) => rule.raiseAt))])
  return (
    <Panel title="Score against the threshold" wide aside={
      <div class="tabs" role="group" aria-label="Span">{(Object.keys(SPANS) as Span[]).map((one) => <button key={one} aria-pressed={one === span} onClick={() => onSpan(one)}>{one}</button>)}</div>
    }>
      <Notice error={error} />
      {data && rows.length === 0 && <Empty>No scored window in this span.</Empty>}
      {rows.length > 0 && <Chart times={times} series={series} levels={levels} marks={marks} height={230} range={[0, 1.05]} label={`Confidence of a fault at ${twin.name}`} />}
    </Panel>
  )
}

function ReadingPanel({ twin, from, to }: { twin: Twin; from: string; to: string }) {
  const scalars = twin.tags.filter((tag) => tag.kind === 'scalar')
  const [chosen, setChosen] = useState<string | null>(null)
  const tag = scalars.find((one) => one.tag === chosen) ?? scalars[0]
  const { data, error } = useData(
    () => (tag ? get<ReadingSeries>('/v1/readings', { site: twin.site, tag: tag.tag, from, to, points: 600 }) : Promise.resolve(undefined)),
    `reading${tag?.tag ?? ''}${from}${to}`, 15_000)
  const times = useMemo(() => (data?.times ?? []).map(seconds), [data])
  const series = useMemo(() => data ? [
    ...(data.low && data.high ? [{ label: 'lowest', color: 'muted' as const, values: data.low }, { label: 'highest', color: 'muted' as const, values: data.high }] : []),
    { label: data.low ? 'mean' : (tag?.role ?? ''), color: 'main' as const, values: data.values },
  ] : [], [data])
  return (
    <Panel title="Readings" wide aside={
      <div class="tabs" role="group" aria-label="Tag">{scalars.map((one) => <button key={one.tag} aria-pressed={one.tag === tag?.tag} onClick={() => setChosen(one.tag)}>{one.role.replaceAll('_', ' ')}</button>)}</div>
    }>
      <Notice error={error} />
      {tag && data && times.length > 0 && <Chart times={times} series={series} unit={tag.unit} height={200} label={`${tag.role} of ${twin.name} in ${tag.unit}`} />}
      {tag && <p class="soft">{tag.tag}{tag.unit === '1' ? '' : ` in ${tag.unit}`}. Newest {number(tag.value)} at <When at={tag.at} /> <Badge kind={tag.quality ?? 'unknown'}>{tag.quality ?? 'none'}</Badge></p>}
    </Panel>
  )
}

function AlertsPanel({ alerts }: { alerts: AlertRow[] }) {
  return (
    <Panel title="Alerts" wide>
      {alerts.length === 0 ? <Empty>None so far.</Empty> : (
        <div class="scroll"><table>
          <thead><tr><th>Raised</th><th>Rule</th><th>Severity</th><th>State</th><th>What to do</th></tr></thead>
          <tbody>{alerts.map((alert) => (
            <tr key={alert.id}>
              <td><a href={`/alerts/${alert.id}`}><When at={alert.raisedAt} /></a></td><td>{alert.rule}</td>
              <td><Badge kind={alert.severity}>{alert.severity}</Badge></td><td><Badge kind={alert.state}>{alert.state}</Badge></td><td>{alert.recommendedAction}</td>
            </tr>
          ))}</tbody>
        </table></div>
      )}
    </Panel>
  )
}

function LineagePanel({ site, alert }: { site: string; alert: AlertRow | undefined }) {
  if (!alert) return null
  return <Panel title="Where the newest alert comes from" wide><LineageDrawing query={{ alert: alert.id, site }} /></Panel>
}
