import { get, type Query } from '../api.ts'
import { now, zone } from '../clock.ts'
import { readable, type Zone } from '../text/time.ts'
import type { Lineage } from '../types.ts'
import { useData } from '../use-data.ts'
import { Notice } from './bits.tsx'

const BOX = { width: 174, height: 62, gapX: 22, gapY: 9 }
type Node = Lineage['nodes'][number]

/** A decision's way down to raw batches, left to right by level; on a narrow screen one below the other. */
export function LineageDrawing({ query }: { query: Query }) {
  const { data, error, at } = useData(() => get<Lineage>('/v1/lineage', query), `lineage ${JSON.stringify(query)}`, 60_000)
  const [nowMs, inZone] = [now.use(), zone.use()]
  if (!data) return error ? <Notice error={error} at={at} /> : <p class="loading" role="status">Loading…</p>
  const columns = columnsOf(data.nodes)
  const place = new Map<string, { x: number; y: number }>()
  const tallest = Math.max(...columns.map((column) => column.length))
  const height = tallest * (BOX.height + BOX.gapY)
  columns.forEach((column, c) => column.forEach((node, r) => {
    const top = (height - column.length * (BOX.height + BOX.gapY)) / 2
    for (const id of node.ids) place.set(id, { x: c * (BOX.width + BOX.gapX), y: top + r * (BOX.height + BOX.gapY) })
  }))
  const width = columns.length * (BOX.width + BOX.gapX) - BOX.gapX
  const lines = new Set(data.edges.flatMap(({ from, to }) => {
    const a = place.get(from)
    const b = place.get(to)
    if (!a || !b) return []
    const [left, right] = a.x <= b.x ? [a, b] : [b, a]
    const x1 = left.x + BOX.width
    const y1 = left.y + BOX.height / 2
    const y2 = right.y + BOX.height / 2
    return [`M${x1} ${y1}C${x1 + BOX.gapX / 2} ${y1} ${right.x - BOX.gapX / 2} ${y2} ${right.x} ${y2}`]
  }))
  return (
    <div class="scroll">
      <div class="lineage" style={{ width: `${width}px`, height: `${height}px` }} role="list" aria-label="From decision to raw batches">
        <svg width={width} height={height} aria-hidden="true">{[...lines].map((d) => <path key={d} d={d} />)}</svg>
        {columns.flat().map((node) => <Box key={node.ids[0]} box={node} at={place.get(node.ids[0] ?? '') ?? { x: 0, y: 0 }} nowMs={nowMs} inZone={inZone} />)}
      </div>
    </div>
  )
}

function Box({ box, at, nowMs, inZone }: { box: Box; at: { x: number; y: number }; nowMs: number; inZone: Zone }) {
  const label = readable(box.label, nowMs, inZone)
  const gate = /^approval\/([0-9a-f-]{36})\//.exec(box.ids[0] ?? '')?.[1]
  return (
    <div role="listitem" class="node" title={`${box.label}\n${box.detail ?? ''}`} style={{ left: `${at.x}px`, top: `${at.y}px`, width: `${BOX.width}px`, height: `${BOX.height}px` }}>
      <div class="node-label">{gate ? <a href={`/gates/${gate}`}>{label}</a> : label}</div>
      <div class="node-detail"><span class="node-kind">{box.kind.replace('-', ' ')}</span>{box.detail && ` ${readable(box.detail, nowMs, inZone)}`}</div>
    </div>
  )
}

interface Box { ids: string[]; kind: string; label: string; detail: string | null }
const TALL = 7

/** By level; columns taller than a screen fold their rest into one box. */
function columnsOf(nodes: readonly Node[]): Box[][] {
  const levels = [...new Set(nodes.map((node) => node.level))].sort((a, b) => a - b)
  return levels.map((level) => {
    const here = nodes.filter((node) => node.level === level).map((node): Box => ({ ids: [node.id], kind: node.kind, label: node.label, detail: node.detail }))
    if (here.length <= TALL) return here
    const rest = here.slice(TALL - 1)
    return [...here.slice(0, TALL - 1), { ids: rest.flatMap((box) => box.ids), kind: 'more', label: `${rest.length} more`, detail: rest.map((box) => box.label).join(', ') }]
  })
}
