import type { Comparison } from '../plot/changes.ts'
import { number } from './bits.tsx'

const DAY_MS = 86_400_000
const HEIGHT = 64
/** Of the plot's thousand: one day alone is no wall. */
const WIDEST = 18
/** More days than this are drawn by the week, or none could be told from the next. */
const MOST_BARS = 100

/** Alerts by owner and day: what there were, and what there would have been. */
export function LoadPlot({ load, from, to }: { load: Comparison['load']; from: string; to: string }) {
  const first = Math.floor(Date.parse(from) / DAY_MS)
  const days = Math.floor(Date.parse(to) / DAY_MS) - first + 1
  const every = days > MOST_BARS ? 7 : 1
  const bars = Math.ceil(days / every)
  return (
    <>
    <ul class="legend"><li><span class="dot was" aria-hidden="true" />before</li><li><span class="dot would" aria-hidden="true" />after</li><li>alerts a {every === 1 ? 'day' : 'week'}, UTC</li></ul>
    <ul class="loads">{load.map(({ owner, before, after, days: counts }) => {
      const sums = Array.from({ length: bars }, () => ({ before: 0, after: 0 }))
      for (const count of counts) {
        const sum = sums[Math.floor((Date.parse(count.day) / DAY_MS - first) / every)]
        if (sum) { sum.before += count.before; sum.after += count.after }
      }
      const most = Math.max(1, ...sums.flatMap((sum) => [sum.before, sum.after]))
      const width = 1000 / bars
      const thick = Math.min(width * 0.4, WIDEST)
      const bar = (value: number, x: number, kind: string) => <rect x={x} width={thick} y={HEIGHT - (value / most) * HEIGHT} height={(value / most) * HEIGHT} class={kind} />
      return (
        <li key={owner ?? ''}>
          <p><b>{owner ?? 'nobody’s machines'}</b> <span class="soft">{number(before.perDay, 2)} → {number(after.perDay, 2)} alerts a day, at most {before.busiestDay} → {after.busiestDay}</span></p>
          {before.alerts + after.alerts > 0 && <svg viewBox={`0 0 1000 ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`Alerts of ${owner ?? 'nobody’s machines'} by ${every === 1 ? 'day' : 'week'}: ${before.alerts} before, ${after.alerts} after`}>
            {sums.map((sum, i) => <g key={i}>{bar(sum.before, (i + 0.5) * width - thick, 'was')}{bar(sum.after, (i + 0.5) * width, 'would')}</g>)}
          </svg>}
        </li>
      )
    })}</ul>
    </>
  )
}
