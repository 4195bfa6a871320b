import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'

export interface Series { label: string; color: 'main' | 'accent' | 'muted'; values: (number | null)[]; band?: 'high' | 'low' }
export interface Mark { at: number; label: string; kind: 'alert' | 'info' }
export interface Level { value: number; label: string; kind: 'raise' | 'clear' }

interface ChartProps {
  /** Seconds since 1970, ascending; every series has one value per time. */
  times: number[]
  series: Series[]
  levels?: Level[]
  marks?: Mark[]
  height?: number
  unit?: string
  range?: [number, number]
  label: string
}

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
const COLORS = { main: '--series-main', accent: '--series-accent', muted: '--series-muted' } as const

/** Day and month by name and 24 hours, as the rest of the console writes them; a new day or year stands below its first tick. */
const DAY = '\n{D} {MMM}'
const TIMES: uPlot.Axis.Values = [
  [31_536_000, '{YYYY}', null, null, null, null, null, null, 1],
  [2_419_200, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [86_400, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', `${DAY} {YYYY}`, null, DAY, null, null, null, 1],
  [0.001, '{HH}:{mm}:{ss}', `${DAY} {YYYY}`, null, DAY, null, null, null, 1],
]

/** A time plot: lines, horizontal levels (raise, clear) and vertical marks (alerts). Follows the width of its box. */
export function Chart({ times, series, levels = [], marks = [], height = 200, unit = '', range, label }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const target = box.current
    if (!target) return
    const axis: uPlot.Axis = { stroke: token('--ink-soft'), grid: { stroke: token('--line'), width: 1 }, ticks: { stroke: token('--line'), width: 1 }, font: '11px system-ui' }
    const options: uPlot.Options = {
      width: target.clientWidth, height,
      cursor: { drag: { x: true, y: false } },
      legend: { live: true },
      scales: { x: { time: true, range: (_plot, from, to) => (from === to ? [from - 1800, to + 1800] : [from, to]) }, ...(range ? { y: { range } } : {}) },
      axes: [{ ...axis, space: 70, values: TIMES }, { ...axis, size: 56, values: (_plot, splits) => splits.map((v) => tick(v, unit)) }],
      series: [{ value: (_plot, v) => (v === null ? '–' : new Date(v * 1000).toLocaleString()) },
        ...series.map((one): uPlot.Series => ({
          label: one.label, stroke: token(COLORS[one.color]), width: one.color === 'muted' ? 1 : 1.6, spanGaps: false, points: { show: times.length < 40, size: 4 },
          value: (_plot, v) => (v === null ? '–' : `${Number(v.toPrecision(5))} ${unit}`),
        }))],
      hooks: { draw: [(plot) => drawOver(plot, levels, marks)] },
    }
    const plot = new uPlot(options, [times, ...series.map((one) => one.values)], target)
    const watcher = new ResizeObserver(() => plot.setSize({ width: target.clientWidth, height }))
    watcher.observe(target)
    return () => { watcher.disconnect(); plot.destroy() }
  }, [times, series, levels, marks, height, unit, range])
  return <div class="chart" role="img" aria-label={label} ref={box} />
}

function tick(value: number, unit: string): string {
  const size = Math.abs(value)
  const text = size !== 0 && (size >= 1e5 || size < 1e-3) ? value.toExponential(0) : String(Number(value.toPrecision(4)))
  return unit ? `${text}` : text
}

function drawOver(plot: uPlot, levels: readonly Level[], marks: readonly Mark[]): void {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.textAlign = 'left'
  ctx.textBaseline = 'alphabetic'
  ctx.font = `${11 * devicePixelRatio}px system-ui`
  for (const level of levels) {
    const y = plot.valToPos(level.value, 'y', true)
    ctx.strokeStyle = ctx.fillStyle = token(level.kind === 'raise' ? '--high' : '--ink-soft')
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio])
    line(ctx, bbox.left, y, bbox.left + bbox.width, y)
    // A level at the top of the plot is named below its line, or the name would be cut off.
    const above = y - bbox.top > 16 * devicePixelRatio
    ctx.fillText(level.label, bbox.left + 6 * devicePixelRatio, y + (above ? -4 : 13) * devicePixelRatio)
  }
  for (const mark of marks) {
    const x = plot.valToPos(mark.at, 'x', true)
    ctx.strokeStyle = ctx.fillStyle = token(mark.kind === 'alert' ? '--urgent' : '--accent')
    ctx.setLineDash([])
    line(ctx, x, bbox.top, x, bbox.top + bbox.height)
    ctx.fillText(mark.label, x + 4 * devicePixelRatio, bbox.top + 36 * devicePixelRatio)
  }
  ctx.restore()
}

function line(ctx: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  ctx.beginPath()
  ctx.moveTo(x1, y1)
  ctx.lineTo(x2, y2)
  ctx.stroke()
}

/** A trend without axes, for a card. Values are 0…1; gaps stay gaps. */
export function Sparkline({ values, level }: { values: (number | null)[]; level?: number }) {
  const width = 160
  const height = 36
  const x = (i: number) => (values.length < 2 ? 0 : (i / (values.length - 1)) * width)
  const y = (v: number) => height - 2 - Math.min(1, Math.max(0, v)) * (height - 4)
  const path = values.map((v, i) => (v === null ? '' : `${i === 0 || values[i - 1] === null ? 'M' : 'L'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`)).join('')
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      {level !== undefined && <line class="spark-level" x1="0" x2={width} y1={y(level)} y2={y(level)} />}
      <path d={path} />
    </svg>
  )
}
