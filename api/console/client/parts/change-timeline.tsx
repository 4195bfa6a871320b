import { useMemo } from 'preact/hooks'
import { now, zone } from '../clock.ts'
import { placeChanges, type Comparison, type Placed } from '../plot/changes.ts'
import { momentText } from '../text/time.ts'
import { counted } from './bits.tsx'

const WIDTH = 1000
const ROW = 26
/** Beyond these a page would be all rows: the machines with the most changes are drawn. */
const MOST_ROWS = 24

const KINDS = [
  { kind: 'gained', text: 'gained: the new policy alone raises it' },
  { kind: 'lost', text: 'lost: only the present one does' },
  { kind: 'moved', text: 'moved: from the ring to the dot' },
] as const

/** Alerts gained, lost and moved, machine by machine on one time axis. */
export function ChangeTimeline({ comparison, from, to, site }: { comparison: Comparison; from: string; to: string; site: string }) {
  const inZone = zone.use()
  const nowMs = now.use()
  const [start, end] = [Date.parse(from), Date.parse(to)]
  const rows = useMemo(() => placeChanges(comparison, start, end), [comparison, start, end])
  const { alerts } = comparison
  const shown = rows.slice(0, MOST_ROWS)
  const listed = comparison.gained.length + comparison.lost.length + comparison.moved.length
  const all = alerts.gained + alerts.lost + alerts.moved
  const title = (one: Placed) => `${one.rule} ${one.kind === 'moved' ? `moved ${one.shift}` : one.kind}, raised ${momentText(one.atMs, nowMs, inZone)}`
  return (
    <div class="changes">
      <p>{counted(alerts.before, 'alert')} before, {alerts.after} after: <b class="is-gained">{alerts.gained} gained</b>, <b class="is-lost">{alerts.lost} lost</b>, <b class="is-moved">{alerts.moved} moved</b>, {alerts.kept} as they were.</p>
      {rows.length > 0 && <>
        <ul class="legend">{KINDS.map(({ kind, text }) => <li key={kind}><span class={`dot is-${kind}`} aria-hidden="true" />{text}</li>)}</ul>
        <div class="change-rows" role="list" aria-label="Changed alerts by machine">
          {shown.map(({ asset, changes }) => (
            <div key={asset} role="listitem">
              <a href={`/twins/${encodeURIComponent(site)}/${encodeURIComponent(asset)}`}>{asset}</a>
              <svg viewBox={`0 0 ${WIDTH} ${ROW}`} preserveAspectRatio="none" role="img" aria-label={`${asset}: ${counted(changes.length, 'changed alert')}`}>
                <line x1="0" x2={WIDTH} y1={ROW / 2} y2={ROW / 2} class="track" />
                {changes.map((one) => one.fromX !== null && <line key={`${one.key} way`} x1={one.fromX * WIDTH} x2={one.x * WIDTH} y1={ROW / 2} y2={ROW / 2} class="way" />)}
              </svg>
              <span class="marks">{changes.map((one) => <span key={one.key}>
                {one.fromX !== null && <span class="dot ring is-moved" style={{ left: `${one.fromX * 100}%` }} aria-hidden="true" />}
                {one.href === null ? <span class={`dot is-${one.kind}`} style={{ left: `${one.x * 100}%` }} title={title(one)} />
                  : <a href={one.href} class={`dot is-${one.kind}`} style={{ left: `${one.x * 100}%` }} title={title(one)} aria-label={title(one)} />}
              </span>)}</span>
            </div>
          ))}
        </div>
        <p class="axis soft"><span>{momentText(start, nowMs, inZone)}</span><span>{momentText(end, nowMs, inZone)}</span></p>
      </>}
      {rows.length > shown.length && <p class="soft">{counted(rows.length - shown.length, 'machine')} with fewer changes not drawn.</p>}
      {all > listed && <p class="soft">{listed} of {all} changes are listed one by one; the counts are whole.</p>}
    </div>
  )
}
