/** One mistake in a file, told so that it can be found and put right. */
export interface CsvProblem {
  readonly file: string
  /** From 1, the header included. */
  readonly line: number
  /** Header of the column, where one cell is to blame. */
  readonly column: string | null
  readonly message: string
}

export function describeProblem({ file, line, column, message }: CsvProblem): string {
  return `${file}:${line}${column === null ? '' : `: column "${column}"`}: ${message}`
}

/** Cells come from outside: what is shown of one stays short and printable. */
export function shown(cell: string): string {
  return JSON.stringify(cell.length > 40 ? `${cell.slice(0, 40)}…` : cell)
}
