import { causeText } from '../plot/shades.ts'
import { durationText } from '../text/time.ts'
import type { GapEntry, Page, Twin } from '../types.ts'
import type { Loaded } from '../use-data.ts'
import { Badge, counted, Empty, Notice, Panel, When } from './bits.tsx'
import { Table } from './table.tsx'

/** What is missing of a machine in the span of its plots: of which tag, why, from when to when, and how much of it will never come. */
export function GapPanel({ twin, gaps: { data, error, at } }: { twin: Twin; gaps: Loaded<Page<GapEntry>> }) {
  const rows = data?.items ?? []
  const open = rows.filter(({ to }) => to === null).length
  return (
    <Panel title="Missing readings" wide aside={rows.length > 0 && <span class="soft">{counted(rows.length, 'gap')}{data?.nextCursor && ' or more'}{open > 0 && `, ${open} going on`}</span>}>
      <Notice error={error} at={at} />
      {data && rows.length === 0 && <Empty title="Nothing is missing in this span." />}
      {rows.length > 0 && <Table label="Missing readings" rows={rows} keyOf={(gap) => `${gap.gateway} ${gap.id}`} columns={[
        { head: 'Of', main: true, cell: (gap) => whatOf(gap, twin) },
        { head: 'Why', cell: (gap) => <Badge kind={gap.to === null ? 'medium' : 'unknown'}>{causeText(gap.cause)}</Badge> },
        { head: 'From', cell: (gap) => <When at={gap.from} /> },
        { head: 'To', cell: (gap) => (gap.to === null ? 'goes on' : <When at={gap.to} />) },
        { head: 'Lasted', cell: (gap) => durationText((gap.to === null ? Date.now() : Date.parse(gap.to)) - Date.parse(gap.from)) },
        { head: 'Lost', kind: 'num', cell: lostText },
        { head: 'Detail', cell: (gap) => <span class="soft">{gap.detail ?? '–'}</span> },
      ]} />}
    </Panel>
  )
}

function whatOf({ tag, source, gateway }: GapEntry, { tags }: Twin) {
  if (tag !== null) return (tags.find((one) => one.tag === tag)?.role ?? tag).replaceAll('_', ' ')
  return source === null ? <>all of gateway <span class="mono">{gateway}</span></> : <>all that <span class="mono">{source}</span> reads</>
}

/** Nothing lost of a cut connection: what was measured came later. */
function lostText({ lost, cause, to }: GapEntry): string {
  if (lost === null) return 'unknown'
  return lost === 0 && cause === 'wan' ? to === null ? 'none yet' : 'none, came later' : String(lost)
}
