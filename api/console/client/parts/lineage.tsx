import { get, type Query } from '../api.ts'
import type { Lineage } from '../types.ts'
import { useData } from '../use-data.ts'
import { Notice } from './bits.tsx'

const BOX = { width: 210, height: 46, gapX: 44, gapY: 12 }
type Node = Lineage['nodes'][number]

/** A decision's way down to raw batches, drawn left to right by level. Columns taller than a screen fold their rest into one box. */
export function LineageDrawing({ query }: { query: Query }) {
  const { data, error } = useData(() => get<Lineage>('/v1/lineage', query), JSON.stringify(query), 60_000)
  if (!data) return <Notice error={error} />
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
      <svg class="lineage" viewBox={`-2 -2 ${width + 4} ${height + 4}`} style={{ minWidth: `${Math.min(width, 900)}px` }} role="img" aria-label="Lineage from decision to raw batches">
        {[...lines].map((d) => <path key={d} d={d} />)}
        {columns.flat().map((node) => {
          const at = place.get(node.ids[0] ?? '') ?? { x: 0, y: 0 }
          return (
            <g key={node.ids[0]} transform={`translate(${at.x} ${at.y})`}>
              <rect width={BOX.width} height={BOX.height} rx="7" />
              <svg width={BOX.width - 8} height={BOX.height}>
                <text x="10" y="19">{clip(node.label, 29)}<title>{node.label}</title></text>
                <text class="soft" x="10" y="36">{clip(node.detail ?? node.kind, 33)}<title>{node.detail ?? node.kind}</title></text>
              </svg>
            </g>
          )
        })}
      </svg>
    </div>
  )
}

interface Box { ids: string[]; kind: string; label: string; detail: string | null }
const TALL = 8

function columnsOf(nodes: readonly Node[]): Box[][] {
  const levels = [...new Set(nodes.map((node) => node.level))].sort((a, b) => a - b)
  return levels.map((level) => {
    const here = nodes.filter((node) => node.level === level).map((node): Box => ({ ids: [node.id], kind: node.kind, label: node.label, detail: node.detail }))
    if (here.length <= TALL) return here
    const rest = here.slice(TALL - 1)
    return [...here.slice(0, TALL - 1), { ids: rest.flatMap((box) => box.ids), kind: 'more', label: `${rest.length} more`, detail: rest[0]?.kind ?? null }]
  })
}

/** In the box the beginning of a digest and the minute of an instant do; the whole text is its title. */
function clip(full: string, length: number): string {
  const text = full.replace(/\b([0-9a-f]{8})[0-9a-f]{56}\b/g, '$1').replace(/(\d{4}-\d\d-\d\d)T(\d\d:\d\d)[\d:.]*Z/g, '$1 $2')
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}
