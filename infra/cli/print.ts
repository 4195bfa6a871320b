import type { Terminal } from './terminal.ts'

/** How commands speak: tables and sentences for people, one JSON document with --json. Nothing else writes to stdout. */
export interface Printer {
  readonly json: boolean
  line(text?: string): void
  /** Prints rows as aligned columns; with --json the caller prints the document instead. */
  table(rows: readonly Record<string, unknown>[], columns: readonly string[]): void
  /** Below a list that goes on. */
  more(limit: number, page: { readonly nextCursor: string | null }): void
  document(value: unknown): void
  /** Progress goes to stderr, so that a pipe gets the result alone. */
  progress(text: string): void
}

export function createPrinter(json: boolean, { out, err, live }: Pick<Terminal, 'out' | 'err' | 'live'>): Printer {
  let shown = Date.now()
  return {
    json,
    line: (text = '') => { if (!json) out(`${text}\n`) },
    table: (rows, columns) => { if (!json) out(formatTable(rows, columns)) },
    more: (limit, page) => { if (!json && page.nextCursor !== null) out(`There are more than ${limit}; --limit shows up to 500, the API pages through all.\n`) },
    document: (value) => { if (json) out(`${JSON.stringify(value)}\n`) },
    progress: (text) => {
      if (!live && (json || text === '')) return
      if (live) err(`\r\x1b[K${text}`)
      // Plain lines are for logs: a few are enough.
      else if (Date.now() - shown > 5_000) { shown = Date.now(); err(`${text}\n`) }
    },
  }
}

/** Columns of a list that may run over several sites: unless one was named, each row says whose it is. */
export const siteColumns = (columns: readonly string[], named: string | undefined): readonly string[] => (named === undefined ? ['site', ...columns] : columns)

export function formatTable(rows: readonly Record<string, unknown>[], columns: readonly string[]): string {
  if (rows.length === 0) return '(none)\n'
  const cells = rows.map((row) => columns.map((column) => cell(row[column])))
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) => row.map((text, i) => text.padEnd(widths[i] ?? 0)).join('  ').trimEnd()
  return [columns.slice(), ...cells].map(line).join('\n') + '\n'
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(4)
  if (typeof value === 'string') return value
  return JSON.stringify(value)
}
