import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { CsvError, parse } from 'csv-parse'
import { BAD, GOOD, qualityReasons } from '../../../registry/domain/contract/quality.ts'
import { refuse } from '../../../registry/domain/errors.ts'
import { createTimeReader } from '../local-time.ts'
import type { CsvLayout } from './map.ts'
import { shown, type CsvProblem } from './problem.ts'

/** One data row: its readings in the order of the map's tags, or what is wrong with it. */
export type CsvRow =
  | { readonly line: number; readonly sourceUs: number; readonly raw: Float64Array; readonly quality: Uint16Array }
  | { readonly line: number; readonly problems: readonly CsvProblem[] }

export interface CsvReading {
  readonly rows: AsyncIterable<CsvRow>
  /** So far. */
  bytesRead(): number
  /** SHA-256 of the file; when `rows` has come to its end. */
  digest(): string
  /** SHA-256 of as many first bytes as were asked for; null when the file has fewer. */
  digestOfFirst(): string | null
}

interface NumberedRecord {
  readonly record: string[]
  readonly line: number
}

const MISSING = BAD | qualityReasons.missing
const NOT_FINITE = BAD | qualityReasons.notFinite
const EMPTY = /^\s*$/
const NO_VALUE = /^\s*(nan|na|n\/a|null|none|-|#n\/a)\s*$/i
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i

/**
 * Streams a file's rows by a map. A mistake in the header, or one after which rows cannot be told apart (an unclosed
 * quote), ends the rows by a refusal (`invalid`) with file, line, column and cure; a mistake in one row is that row's.
 * With `bytesAtMost`, the file ends there: what is written meanwhile is for another time. `firstBytes`: what digest to give beside
 * the whole file's, so that one that has grown is read once to know it again.
 */
export function readCsv(file: string, map: CsvLayout, { bytesAtMost, firstBytes }: { readonly bytesAtMost?: number | undefined; readonly firstBytes?: number | undefined } = {}): CsvReading {
  const hash = createHash('sha256')
  let bytes = 0
  let first: string | null = null
  const input = createReadStream(file, { highWaterMark: 256 * 1024, ...(bytesAtMost !== undefined && { end: bytesAtMost - 1 }) })
  input.on('data', (chunk) => {
    if (firstBytes !== undefined && bytes < firstBytes && bytes + chunk.length >= firstBytes) first = hash.copy().update(chunk.slice(0, firstBytes - bytes)).digest('hex')
    hash.update(chunk)
    bytes += chunk.length
  })
  const parser = parse({
    delimiter: map.delimiter, bom: true, relax_column_count: true, skip_empty_lines: true, encoding: map.encoding,
    // All of them, in each row anew: joined histories mix them, and a parser that learns the first would glue rows together.
    record_delimiter: ['\r\n', '\n', '\r'], max_record_size: 1_000_000,
    // Its types know only records of strings; what comes out is what this returns.
    on_record: (record: string[], { lines }) => ({ record, line: lines }) as unknown as string[],
  })
  input.on('error', (error) => parser.destroy(error))

  async function* rows(): AsyncGenerator<CsvRow> {
    const name = path.basename(file)
    let read: ((record: string[], line: number) => CsvRow) | undefined
    try {
      for await (const { record, line } of input.pipe(parser) as unknown as AsyncIterable<NumberedRecord>) {
        if (read) yield read(record, line)
        else read = rowReader(name, map, record)
      }
    } catch (error) {
      if (error instanceof CsvError) {
        const at = typeof error['lines'] === 'number' ? error['lines'] : 1
        refuse('invalid', `${name}:${at}: ${error.message}. Check the quotes on that line and the map's delimiter and encoding.`, { file: name, line: at })
      }
      throw error
    } finally {
      input.destroy()
    }
    if (!read) refuse('invalid', `${name}:1: the file is empty; it needs a header line with the columns ${columnsOf(map).join(', ')}`, { file: name, line: 1 })
  }
  return { rows: rows(), bytesRead: () => bytes, digest: () => hash.copy().digest('hex'), digestOfFirst: () => first }
}

const columnsOf = (map: CsvLayout) => [map.time.column, ...map.tags.map(({ column }) => column)]

/** Reads rows under the given header; refuses a header that the map does not fit. */
function rowReader(file: string, map: CsvLayout, header: readonly string[]): (record: string[], line: number) => CsvRow {
  const names = header.map((name) => name.trim())
  checkHeader(file, map, names)
  const timeAt = names.indexOf(map.time.column)
  const at = map.tags.map(({ column }) => names.indexOf(column))
  const decimals = map.tags.map((tag) => tag.decimal ?? map.decimal)
  const time = createTimeReader(map.time.format, map.time.zone)

  return (record, line) => {
    const problems: CsvProblem[] = []
    const blame = (column: string | null, message: string) => { problems.push({ file, line, column, message }) }
    if (record.length !== names.length) {
      blame(null, `${record.length} cells where the header has ${names.length}; the line is cut off or a cell contains an unquoted "${map.delimiter}"`)
      return { line, problems }
    }
    const cell = record[timeAt] ?? ''
    const sourceUs = time(cell)
    if (sourceUs === 'unreadable') blame(map.time.column, `${shown(cell)} is not a time in the format "${map.time.format}"; correct the cell, or time.format in the map`)
    else if (sourceUs === 'skipped-hour') blame(map.time.column, `${shown(cell)} does not exist in ${map.time.zone}: the clocks skip it; correct time.zone in the map (UTC?)`)
    const raw = new Float64Array(at.length)
    const quality = new Uint16Array(at.length)
    for (let i = 0; i < at.length; i++) {
      const text = record[at[i] as number] ?? ''
      const value = parseNumber(text, decimals[i] as string)
      raw[i] = value
      if (!Number.isNaN(value)) quality[i] = GOOD
      else if (EMPTY.test(text)) quality[i] = MISSING
      else if (NO_VALUE.test(text)) quality[i] = NOT_FINITE
      else blame(map.tags[i]?.column ?? null, `${shown(text)} is not a number; correct the cell${decimalHint(text, decimals[i] as string)}`)
    }
    return problems.length > 0 || typeof sourceUs !== 'number' ? { line, problems } : { line, sourceUs, raw, quality }
  }
}

function checkHeader(file: string, map: CsvLayout, names: readonly string[]): void {
  const problems: string[] = []
  const wanted = columnsOf(map)
  const other = [',', ';', '\t', '|'].find((delimiter) => delimiter !== map.delimiter && names.length === 1 && names[0]?.includes(delimiter))
  if (other) refuse('invalid', `${file}:1: the header is one column; the file seems to use ${JSON.stringify(other)}: set delimiter in the map`, { file, line: 1 })
  for (const column of wanted) {
    const found = names.filter((name) => name === column).length
    if (found === 0) problems.push(`${file}:1: there is no column "${column}"; the file has ${names.map((name) => `"${name}"`).join(', ')}. Correct the name in the map.`)
    if (found > 1) problems.push(`${file}:1: column "${column}" is there ${found} times; rename all but one`)
  }
  const unknown = [...new Set(names)].filter((name) => !wanted.includes(name) && !map.ignore.includes(name)).map((name) => `"${name}"`)
  if (unknown.length > 0) {
    problems.push(`${file}:1: ${unknown.length === 1 ? 'column' : 'columns'} ${unknown.join(', ')} ${unknown.length === 1 ? 'is' : 'are'} neither mapped nor ignored; `
      + `add ${unknown.length === 1 ? 'it' : 'them'} to tags or to ignore in the map`)
  }
  if (problems.length > 0) refuse('invalid', problems.join('\n'), { file, line: 1, problems })
}

/** NaN for what is no number; only the map's decimal mark counts, so that 1,234 is never read as 1.234 by luck. */
function parseNumber(cell: string, decimal: string): number {
  const text = decimal === '.' ? cell.trim() : cell.trim().replace(',', '.')
  if (decimal === ',' && cell.includes('.')) return NaN
  return NUMBER.test(text) ? Number(text) : NaN
}

function decimalHint(cell: string, decimal: string): string {
  if (decimal === '.' && /^\s*[+-]?\d+,\d+\s*$/.test(cell)) return ', or set decimal: "," in the map'
  if (decimal === ',' && /^\s*[+-]?\d+\.\d+\s*$/.test(cell)) return ', or set decimal: "." in the map'
  return ', or leave it empty if there was no value'
}
