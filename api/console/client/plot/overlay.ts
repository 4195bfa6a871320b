import type uPlot from 'uplot'
import type { Shade } from './shades.ts'
import { token } from './token.ts'

/** Seconds since 1970. */
export interface Mark { at: number; label: string }
export interface Level { value: number; label: string }

const LINE = 14
/** However short, a gap can be seen. */
const LEAST_WIDTH = 2

/** Shades stretches of a plot, under its lines. */
export function drawUnder(plot: uPlot, shades: readonly Shade[]): void {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.fillStyle = token('--gap')
  for (const shade of shades) {
    const { start, end } = edgesOf(plot, shade)
    if (end >= bbox.left && start <= bbox.left + bbox.width) ctx.fillRect(start, bbox.top, Math.max(LEAST_WIDTH * devicePixelRatio, end - start), bbox.height)
  }
  ctx.restore()
}

/** In pixels, no further than the plot goes. */
function edgesOf(plot: uPlot, { from, to }: Shade): { start: number; end: number } {
  const { left, width } = plot.bbox
  return { start: Math.max(left, plot.valToPos(from, 'x', true)), end: Math.min(left + width, plot.valToPos(to, 'x', true)) }
}

/** Draws levels and marks over a plot, each with its name; names that would touch stand one below the other. A shade that is wide enough says what it is. */
export function drawOver(plot: uPlot, levels: readonly Level[], marks: readonly Mark[], shades: readonly Shade[]): void {
  const { ctx, bbox } = plot
  const dpr = devicePixelRatio
  const right = bbox.left + bbox.width
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.textAlign = 'left'
  ctx.textBaseline = 'alphabetic'
  ctx.lineWidth = dpr
  ctx.font = `600 ${11 * dpr}px system-ui`
  const write = (text: string, x: number, y: number) => {
    // A name is read against the lines behind it only with a rim of the paper's colour.
    const { strokeStyle, lineWidth } = ctx
    ctx.setLineDash([])
    ctx.strokeStyle = token('--card')
    ctx.lineWidth = 4 * dpr
    ctx.lineJoin = 'round'
    ctx.strokeText(text, x, y)
    ctx.fillText(text, x, y)
    Object.assign(ctx, { strokeStyle, lineWidth })
  }
  ctx.fillStyle = token('--ink-soft')
  let written = -Infinity
  for (const shade of shades) {
    const { start, end } = edgesOf(plot, shade)
    const needed = ctx.measureText(shade.label).width + 8 * dpr
    if (end - start < needed || start < written) continue
    write(shade.label, start + 4 * dpr, bbox.top + 15 * dpr)
    written = start + needed
  }
  for (const level of levels) {
    const y = plot.valToPos(level.value, 'y', true)
    ctx.strokeStyle = ctx.fillStyle = token('--high')
    ctx.setLineDash([6 * dpr, 4 * dpr])
    line(ctx, bbox.left, y, right, y)
    write(level.label, bbox.left + 6 * dpr, y + (y - bbox.top > 16 * dpr ? -5 : 13) * dpr)
  }
  ctx.strokeStyle = ctx.fillStyle = token('--urgent')
  const ends: number[] = []
  for (const mark of [...marks].sort((a, b) => a.at - b.at)) {
    const x = plot.valToPos(mark.at, 'x', true)
    if (x < bbox.left || x > right) continue
    ctx.setLineDash([])
    line(ctx, x, bbox.top, x, bbox.top + bbox.height)
    const width = ctx.measureText(mark.label).width
    const start = x + 5 * dpr + width > right ? x - 5 * dpr - width : x + 5 * dpr
    const row = ends.findIndex((end) => end < start)
    const place = row === -1 ? ends.length : row
    ends[place] = start + width + 6 * dpr
    write(mark.label, start, bbox.top + bbox.height - (8 + place * LINE) * dpr)
  }
  ctx.restore()
}

function line(ctx: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  ctx.beginPath()
  ctx.moveTo(x1, y1)
  ctx.lineTo(x2, y2)
  ctx.stroke()
}
