import { useMemo } from 'preact/hooks'
import { get } from '../api.ts'
import { shadesOf } from '../plot/shades.ts'
import type { Extent } from '../plot/spans.ts'
import { setParams } from '../router.ts'
import { unitText } from '../text/unit.ts'
import type { GapEntry, ReadingSeries, Twin } from '../types.ts'
import { useData } from '../use-data.ts'
import { Badge, Empty, Notice, number, Panel, Tabs, When } from './bits.tsx'
import { Chart } from './chart.tsx'

/** One tag of a machine over the span of the score above it: means, and the band between the extremes of each bucket. */
export function ReadingPanel({ twin, gaps, range, chosen, onZoom }: { twin: Twin; gaps: readonly GapEntry[]; range: Extent; chosen: string | null; onZoom: (from: number, to: number) => void }) {
  const scalars = twin.tags.filter((tag) => tag.kind === 'scalar')
  const tag = scalars.find((one) => one.tag === chosen) ?? scalars[0]
  const query = { site: twin.site, tag: tag?.tag, from: new Date(range.from).toISOString(), to: new Date(range.to + 1).toISOString(), points: 600 }
  const { data, error, at } = useData(() => (tag ? get<ReadingSeries>('/v1/readings', query) : Promise.resolve(null)), `readings ${twin.site}/${tag?.tag ?? ''} ${range.from} ${range.to}`, 15_000)
  const times = useMemo(() => (data?.times ?? []).map((time) => Date.parse(time) / 1000), [data])
  const series = useMemo(() => (data ? [
    ...(data.low && data.high ? [{ label: 'lowest', kind: 'low' as const, values: data.low }, { label: 'highest', kind: 'high' as const, values: data.high }] : []),
    { label: data.low ? 'mean' : (tag?.role ?? ''), kind: 'line' as const, values: data.values },
  ] : []), [data])
  const shades = useMemo(() => shadesOf(gaps, tag?.tag ?? null, range.to), [gaps, tag?.tag, range])
  if (!tag) return <Panel title="Readings" wide><Empty title="This machine has no tag that is a single figure.">Tags come with the map of an import, or with <code>npm run twinward -- import assets</code>.</Empty></Panel>
  const unit = unitText(tag.unit)
  const nameOf = (id: string) => (scalars.find((one) => one.tag === id)?.role ?? id).replaceAll('_', ' ')
  return (
    <Panel title="Readings" wide aside={<Tabs label="Tag" choices={scalars.map((one) => one.tag)} chosen={tag.tag} onChoose={(one) => setParams({ tag: one })} name={nameOf} />}>
      <Notice error={error} at={at} />
      {!data && !error && <p class="loading" style={{ height: '200px' }} role="status">Loading…</p>}
      {data && times.length === 0 && <Empty title="No reading in this span.">{shades.length > 0 && `In between: ${[...new Set(shades.map(({ label }) => label))].join(', ')}.`}</Empty>}
      {data && times.length > 0 && <Chart times={times} series={series} shades={shades} bucket={(data.bucketUs ?? 0) / 1e6} from={range.from} to={range.to} unit={unit} height={200} onZoom={onZoom} label={`${nameOf(tag.tag)} of ${twin.name}${unit && ` in ${unit}`}`} />}
      <p class="soft under"><span class="mono">{tag.tag}</span>: {tag.at ? <>newest {number(tag.value)}{unit && ` ${unit}`}, <When at={tag.at} ago /> <Badge kind={tag.quality ?? 'unknown'}>{tag.quality ?? 'no quality'}</Badge></> : 'no reading yet'}</p>
    </Panel>
  )
}
