import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  head: string
  cell: (row: Row) => ComponentChildren
  kind?: 'num' | 'mono' | undefined
  /** On a phone: the row's first line, without its heading. */
  main?: boolean
}

/** A table; on a narrow screen each row is a card that names its own columns, `compact` ones in few lines. `false` leaves a column out. */
export function Table<Row>({ label, rows, columns, keyOf, compact }: { label: string; compact?: boolean; rows: readonly Row[]; columns: readonly (Column<Row> | false)[]; keyOf: (row: Row) => string }) {
  const shown = columns.filter((column) => column !== false)
  return (
    <table class={compact ? 'rows compact' : 'rows'} role="table" aria-label={label}>
      <thead role="rowgroup"><tr role="row">{shown.map((column) => <th key={column.head} role="columnheader" class={column.kind === 'num' ? 'num' : undefined}>{column.head}</th>)}</tr></thead>
      <tbody role="rowgroup">{rows.map((row) => (
        <tr key={keyOf(row)} role="row">{shown.map((column) => (
          <td key={column.head} role="cell" data-head={column.main ? undefined : column.head} class={`${column.kind ?? ''}${column.main ? ' main' : ''}`}><div>{column.cell(row)}</div></td>
        ))}</tr>
      ))}</tbody>
    </table>
  )
}
