import { useMemo } from 'preact/hooks'
import { get } from '../api.ts'
import { confidenceAt, surprise } from '../plot/surprise.ts'
import { shadesOf } from '../plot/shades.ts'
import type { Extent } from '../plot/spans.ts'
import type { AlertRow, GapEntry, Trend, Twin } from '../types.ts'
import { useData } from '../use-data.ts'
import { Empty, Notice } from './bits.tsx'
import { Chart, type Scale } from './chart.tsx'

interface ScorePlotProps {
  twin: Pick<Twin, 'site' | 'asset' | 'name' | 'rules'>
  alerts: readonly AlertRow[]
  gaps?: readonly GapEntry[]
  range: Extent
  onZoom?: (from: number, to: number) => void
  height?: number
}

/** Confidences of one machine with the levels at which rules raise and the alerts that were raised. */
export function ScorePlot({ twin, alerts, gaps, range, onZoom, height = 230 }: ScorePlotProps) {
  // The query's end is exclusive, and `range.to` may be the end of the newest window: one more millisecond takes it in.
  const query = { site: twin.site, from: new Date(range.from).toISOString(), to: new Date(range.to + 1).toISOString(), points: 600 }
  const { data, error, at } = useData(() => get<Trend>(`/v1/twins/${encodeURIComponent(twin.asset)}/trend`, query), `trend ${twin.site}/${twin.asset} ${range.from} ${range.to}`, 15_000)
  const rows = data?.items ?? []
  const times = useMemo(() => rows.map((row) => Date.parse(row.from) / 1000), [data])
  const series = useMemo(() => [{ label: 'confidence', kind: 'line' as const, values: rows.map((row) => surprise(row.confidence.max)) }], [data])
  const marks = useMemo(() => alerts.map((alert) => ({ at: Date.parse(alert.raisedAt) / 1000, label: alert.rule })), [alerts])
  const shades = useMemo(() => shadesOf(gaps ?? [], null, range.to), [gaps, range])
  const rules = twin.rules.filter((rule) => rule.signal === 'confidence').map((rule) => `${rule.id} ${rule.raiseAt}`).join()
  const levels = useMemo(() => twin.rules.filter((rule) => rule.signal === 'confidence').map((rule) => ({ value: surprise(rule.raiseAt) ?? 0, label: `${rule.id} raises at ${rule.raiseAt}` })), [rules])
  const scale = useMemo((): Scale => {
    const top = Math.ceil(Math.max(2, ...levels.map(({ value }) => value + 0.4), ...(series[0]?.values ?? []).map((value) => value ?? 0)))
    return { range: [0, top + 0.15], splits: Array.from({ length: top + 1 }, (_, step) => step), text: confidenceAt }
  }, [series, levels])
  return (
    <>
      <Notice error={error} at={at} />
      {!data && !error && <p class="loading" style={{ height: `${height}px` }} role="status">Loading…</p>}
      {data && rows.length === 0 && <Empty title="No scored window in this span." />}
      {data && rows.length > 0 && <Chart times={times} series={series} bucket={data.bucketUs / 1e6} from={range.from} to={range.to} levels={levels} marks={marks} shades={shades} scale={scale} height={height} label={`Confidence of a fault at ${twin.name}`} {...(onZoom && { onZoom })} />}
    </>
  )
}
