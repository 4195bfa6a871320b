import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { scheme } from '../scheme.ts'
import { now, zone } from '../clock.ts'
import { breakAtGaps, lonely } from '../plot/gaps.ts'
import { drawOver, drawUnder, type Level, type Mark } from '../plot/overlay.ts'
import type { Shade } from '../plot/shades.ts'
import { token } from '../plot/token.ts'
import { momentText, zoneName } from '../text/time.ts'

export type { Level, Mark }
/** `low` and `high` are drawn as one band between them. */
export interface Series { label: string; values: (number | null)[]; kind: 'line' | 'low' | 'high' }
/** Instead of a plain scale: where the lines are and what they say, and how a value is told. */
export interface Scale { range: [number, number]; splits: number[]; text: (value: number) => string }

interface ChartProps {
  /** Seconds since 1970, ascending; every series has one value per time. */
  times: number[]
  series: Series[]
  /** Width of a bucket in seconds: what a gap is measured by. */
  bucket: number
  /** Milliseconds since 1970. */
  from: number
  to: number
  levels?: Level[]
  marks?: Mark[]
  /** Stretches in which something is missing. */
  shades?: readonly Shade[]
  height?: number
  unit?: string
  scale?: Scale
  /** A stretch was marked with the mouse, in milliseconds. */
  onZoom?: (from: number, to: number) => void
  label: string
}

/** Day and month by name and 24 hours, as the rest of the console writes them; a new day or year stands below its first tick. */
const DAY = '\n{D} {MMM}'
const TIMES: uPlot.Axis.Values = [
  [31_536_000, '{YYYY}', null, null, null, null, null, null, 1],
  [2_419_200, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [86_400, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', `${DAY} {YYYY}`, null, DAY, null, null, null, 1],
  [0.001, '{HH}:{mm}:{ss}', `${DAY} {YYYY}`, null, DAY, null, null, null, 1],
]
const DOT = 4
const NO_SHADES: readonly Shade[] = []

/** A time plot: lines that break where there is no data, horizontal levels, vertical marks (alerts), shaded gaps. Follows the width of its box. */
export function Chart({ times, series, bucket, from, to, levels = [], marks = [], shades = NO_SHADES, height = 200, unit = '', scale, onZoom, label }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const zoom = useRef(onZoom)
  zoom.current = onZoom
  const inZone = zone.use()
  const dark = scheme.use()
  useEffect(() => {
    const target = box.current
    if (!target) return
    const shown = breakAtGaps(times, series.map((one) => one.values), bucket)
    const axis: uPlot.Axis = { stroke: token('--ink-soft'), grid: { stroke: token('--line'), width: 1 }, ticks: { stroke: token('--line'), width: 1 }, font: '11px system-ui' }
    const tell = (v: number) => (scale ? scale.text(v) : `${Number(v.toPrecision(4))} ${unit}`)
    const [low, high] = [series.findIndex(({ kind }) => kind === 'low') + 1, series.findIndex(({ kind }) => kind === 'high') + 1]
    const options: uPlot.Options = {
      width: target.clientWidth, height,
      tzDate: (s) => (inZone === 'utc' ? uPlot.tzDate(new Date(s * 1000), 'Etc/UTC') : new Date(s * 1000)),
      cursor: { drag: { x: zoom.current !== undefined, y: false, setScale: false }, sync: { key: 'time' }, points: { size: 7 } },
      legend: { live: true },
      scales: { x: { time: true, range: () => (from === to ? [from / 1000 - 1800, to / 1000 + 1800] : [from / 1000, to / 1000]) }, y: scale ? { range: scale.range } : { range: padded } },
      axes: [
        { ...axis, space: 70, values: TIMES },
        { ...axis, size: 60, ...(scale && { splits: scale.splits }), values: (_plot, splits) => splits.map((v) => (scale ? scale.text(v) : tick(v))) },
      ],
      series: [{ label: `time (${zoneName(to, inZone)})`, value: (_plot, v) => (v === null ? '' : momentText(v * 1000, now.get(), inZone)) },
        ...series.map((one, i): uPlot.Series => ({
          label: one.label, stroke: one.kind === 'line' ? token('--series-main') : token('--series-muted'), width: one.kind === 'line' ? 1.6 : 0.5, spanGaps: false,
          points: one.kind === 'line' ? { show: true, size: DOT, filter: () => (times.length < 40 ? null : lonely(shown.values[i] ?? [])) } : { show: false },
          value: (_plot, v) => (v === null ? '' : tell(v)),
        }))],
      ...(low > 0 && high > 0 && { bands: [{ series: [high, low], fill: token('--series-band') }] }),
      hooks: {
        drawClear: [(plot) => drawUnder(plot, shades)],
        draw: [(plot) => drawOver(plot, levels, marks, shades)],
        setSelect: [(plot) => {
          const { left, width } = plot.select
          if (width < 8) return
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
          zoom.current?.(plot.posToVal(left, 'x') * 1000, plot.posToVal(left + width, 'x') * 1000)
        }],
      },
    }
    const plot = new uPlot(options, [shown.times, ...shown.values] as uPlot.AlignedData, target)
    const watcher = new ResizeObserver(() => plot.setSize({ width: target.clientWidth, height }))
    watcher.observe(target)
    return () => { watcher.disconnect(); plot.destroy() }
  }, [times, series, levels, marks, shades, height, unit, scale, bucket, from, to, inZone, dark])
  return <div class="chart" role="img" aria-label={label} ref={box} />
}

/** Room above and below, and a band for a value that never changed. */
function padded(_plot: uPlot, low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1]
  const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1
  return [low - room, high + room]
}

function tick(value: number): string {
  const size = Math.abs(value)
  return size !== 0 && (size >= 1e5 || size < 1e-3) ? value.toExponential(0) : String(Number(value.toPrecision(4)))
}
