import type { RolloutDetail } from '../types.ts'
import { Badge, counted, number, When } from './bits.tsx'

const NAMES = {
  alertLoad: 'Alerts', disagreement: 'Disagreement with the champion', scoreShift: 'Distribution of scores', dataQuality: 'Data quality', feedback: 'False alarms', latency: 'Latency',
} as const
const UNITS = { alertLoad: '', disagreement: ' of windows', scoreShift: ' PSI', dataQuality: ' of windows', feedback: '', latency: ' s' } as const
const WIDTH = 240
const HEIGHT = 40

/** Each guard: its figure against its limit, how it went since the rollout began, and the machines with most of it. */
export function GuardList({ checks, site }: { checks: RolloutDetail['checks']; site: string }) {
  const last = checks.at(-1)
  if (!last) return null
  return (
    <>
      <p class="soft">Looked <When at={last.at} ago /> at {counted(last.windows, 'window')} of the stage {last.stage}.</p>
      <ul class="guards">{last.readings.map((reading) => (
        <li key={reading.guard}>
          <p><b>{NAMES[reading.guard]}</b> <Badge kind={reading.tripped ? 'urgent' : reading.value === null ? 'none-yet' : 'good'}>{reading.tripped ? 'tripped' : reading.value === null ? 'nothing to judge by yet' : 'within its limit'}</Badge></p>
          <p class="figure"><strong>{number(reading.value, 3)}</strong><span class="soft">, at most {number(reading.limit, 3)}{UNITS[reading.guard]}</span></p>
          <Course label={`${NAMES[reading.guard]} against its limit, look by look`} points={checks.flatMap(({ at, readings }) => {
            const then = readings.find(({ guard }) => guard === reading.guard)
            return then === undefined || then.value === null ? [] : [{ ms: Date.parse(at), share: then.limit === 0 ? (then.value === 0 ? 0 : 2) : then.value / then.limit }]
          })} />
          {reading.assets.length > 0 && <p class="soft">{reading.assets.map(({ asset, value }, i) => <span key={asset}>{i > 0 && ', '}<a href={`/twins/${site}/${asset}`}>{asset}</a> {number(value, 3)}</span>)}</p>}
        </li>
      ))}</ul>
    </>
  )
}

/** Values over time as shares of their limit, which is the dashed line; what is twice the limit lies at the top. */
function Course({ points, label }: { points: { ms: number; share: number }[]; label: string }) {
  const [first, last] = [points[0]?.ms ?? 0, points.at(-1)?.ms ?? 0]
  const x = (ms: number) => (last === first ? WIDTH / 2 : 3 + ((ms - first) / (last - first)) * (WIDTH - 6))
  const y = (share: number) => HEIGHT - 3 - (Math.min(2, share) / 2) * (HEIGHT - 6)
  return (
    <svg class="course" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <line x1="0" x2={WIDTH} y1={y(0)} y2={y(0)} class="ground" /><line x1="0" x2={WIDTH} y1={y(1)} y2={y(1)} class="limit" />
      <path d={points.map(({ ms, share }, i) => `${i === 0 ? 'M' : 'L'}${x(ms).toFixed(1)} ${y(share).toFixed(1)}`).join('')} />
      {points.slice(-1).map(({ ms, share }) => <circle key="last" cx={x(ms)} cy={y(share)} r="3" class={share > 1 ? 'over' : ''} />)}
    </svg>
  )
}
