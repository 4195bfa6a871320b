/** How commands speak: tables and sentences for people, one JSON document with --json. Nothing else writes to stdout. */
export interface Printer {
  readonly json: boolean
  line(text?: string): void
  /** Prints rows as aligned columns; with --json the caller prints the document instead. */
  table(rows: readonly Record<string, unknown>[], columns: readonly string[]): void
  document(value: unknown): void
  /** Progress goes to stderr, so that a pipe gets the result alone. */
  progress(text: string): void
}

export function createPrinter(json: boolean): Printer {
  const tty = process.stderr.isTTY
  let shown = Date.now()
  return {
    json,
    line: (text = '') => { if (!json) process.stdout.write(`${text}\n`) },
    table: (rows, columns) => { if (!json) process.stdout.write(formatTable(rows, columns)) },
    document: (value) => { if (json) process.stdout.write(`${JSON.stringify(value)}\n`) },
    progress: (text) => {
      if (!tty && (json || text === '')) return
      if (tty) process.stderr.write(`\r\x1b[K${text}`)
      // Plain lines are for logs: a few are enough.
      else if (Date.now() - shown > 5_000) { shown = Date.now(); process.stderr.write(`${text}\n`) }
    },
  }
}

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
