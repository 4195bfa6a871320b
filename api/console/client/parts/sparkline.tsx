import { surprise } from '../plot/surprise.ts'

const WIDTH = 160
const HEIGHT = 36
/** One in ten thousand fills the card: it is to show a rise, not how far. */
const TOP = 4

/** Confidences without axes, for a card, on the scale of the plots; gaps stay gaps. */
export function Sparkline({ values }: { values: (number | null)[] }) {
  const x = (i: number) => (values.length < 2 ? 0 : (i / (values.length - 1)) * WIDTH)
  const y = (v: number) => HEIGHT - 2 - Math.min(1, (surprise(v) ?? 0) / TOP) * (HEIGHT - 4)
  const path = values.map((v, i) => (v === null ? '' : `${i === 0 || values[i - 1] === null ? 'M' : 'L'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`)).join('')
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <line x1="0" x2={WIDTH} y1={HEIGHT - 1} y2={HEIGHT - 1} />
      <path d={path} />
    </svg>
  )
}
