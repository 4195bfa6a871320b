import { CsvError, parse } from 'csv-parse/sync'
import { refuse } from '../../../registry/domain/errors.ts'
import { suggest } from '../../schema-problems.ts'
import type { RecordReader } from './record.ts'
import { shown } from './time.ts'

export type BodyFormat = 'json' | 'lines' | 'csv'
export type PushMode = 'live' | 'backfill'

const FORMATS: ReadonlyMap<string, BodyFormat> = new Map([['application/json', 'json'], ['application/x-ndjson', 'lines'], ['application/jsonl', 'lines'], ['text/csv', 'csv']])
export const takenTypes = [...FORMATS.keys()]

/** Undefined for a Content-Type that is not taken; character sets other than UTF-8 are none. */
export function formatOf(contentType: string | undefined): BodyFormat | undefined {
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';').map((part) => part.trim())
  const charset = parameters.map((parameter) => /^charset="?([^"]*)"?$/.exec(parameter)?.[1]).find((found) => found !== undefined)
  return charset === undefined || charset === 'utf-8' || charset === 'utf8' ? FORMATS.get(type) : undefined
}

/**
 * Reads a body into `reader`: what is wrong with one record is that record's. Refuses (`invalid`) a body that is none of
 * its format, or that holds nothing. Gives the lane the body asks for.
 */
export function decodeBody(body: Uint8Array, format: BodyFormat, reader: RecordReader): PushMode | undefined {
  const text = textOf(body)
  if (format === 'json') return readDocument(text, reader)
  if (format === 'lines') readLines(text, reader)
  else readCsv(text, reader)
  return undefined
}

export function modeOf(given: unknown): PushMode | undefined {
  if (given === undefined || given === null) return undefined
  return given === 'live' || given === 'backfill' ? given : refuse('invalid', `mode is ${shown(given)}; write live or backfill, or leave it out`)
}

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    return refuse('invalid', 'the body is not UTF-8; encode it so')
  }
}

const DOCUMENT_KEYS = ['values', 'readings', 'waveforms', 'time', 'mode']
const SHAPE = 'send { "values": { "NAME": 21.5 } }, { "readings": [{ "name": …, "value": … }] } or { "waveforms": […] }'

function readDocument(text: string, reader: RecordReader): PushMode | undefined {
  const document = parseJson(text)
  if (document instanceof SyntaxError) return refuse('invalid', `the body is not JSON: ${document.message.slice(0, 200)}; check its quotes, commas and brackets (NaN is not JSON: send null)`)
  if (!isObject(document)) return refuse('invalid', `the body is ${shown(document)}; ${SHAPE}`)
  for (const key of Object.keys(document)) {
    if (!DOCUMENT_KEYS.includes(key)) refuse('invalid', `the body has ${shown(key)}, which nobody reads${key.length > 100 ? '' : suggest(key, DOCUMENT_KEYS)}; ${SHAPE}`)
  }
  const { values, readings, waveforms, time } = document
  for (const [key, list] of [['readings', readings], ['waveforms', waveforms]] as const) {
    if (list !== undefined && !Array.isArray(list)) refuse('invalid', `${key} is ${shown(list)}; it must be a list`)
  }
  const mode = modeOf(document['mode'])
  if (values !== undefined) reader.values('/values', values, time)
  if (Array.isArray(readings)) readings.forEach((record, index) => { reader.reading(`/readings/${index}`, record, time) })
  if (Array.isArray(waveforms)) waveforms.forEach((record, index) => { reader.waveform(`/waveforms/${index}`, record) })
  return mode
}

function readLines(text: string, reader: RecordReader): void {
  let line = 0
  for (let from = 0; from <= text.length;) {
    const end = text.indexOf('\n', from)
    const record = text.slice(from, end < 0 ? text.length : end).trim()
    from = end < 0 ? text.length + 1 : end + 1
    line++
    if (record === '') continue
    const value = parseJson(record)
    const at = `line ${line}`
    if (value instanceof SyntaxError) reader.refuse(at, `is not JSON: ${value.message.slice(0, 200)}; send one object a line`)
    else if (!isObject(value)) reader.refuse(at, `is ${shown(value)}; send one object a line`)
    else if ('samples' in value) reader.waveform(at, value)
    else if ('values' in value) readSet(at, value, reader)
    else reader.reading(at, value)
  }
}

function readSet(at: string, { values, time, ...more }: Readonly<Record<string, unknown>>, reader: RecordReader): void {
  const [stray] = Object.keys(more)
  if (stray !== undefined) reader.refuse(at, `has ${shown(stray)}, which nobody reads${stray.length > 100 ? '' : suggest(stray, ['values', 'time'])}`)
  else reader.values(at, values, time)
}

const COLUMNS = ['name', 'value', 'time', 'quality', 'unit']

/** `name,value,time` and the like, one reading a line; the header says in which order. */
function readCsv(text: string, reader: RecordReader): void {
  const [header, ...rows] = csvRows(text)
  const names = header?.record.map((name) => name.trim().toLowerCase()) ?? []
  if (!names.includes('name') || !names.includes('value')) refuse('invalid', `the first line is ${shown(header?.record.join(',') ?? '')}; it must name the columns: name,value and, where there are such, time,quality,unit`)
  for (const name of names) if (!COLUMNS.includes(name)) refuse('invalid', `nobody reads the column ${shown(name)}${name.length > 100 ? '' : suggest(name, COLUMNS)}`)
  if (new Set(names).size !== names.length) refuse('invalid', 'a column is there twice; leave one of them out')
  for (const { record, line } of rows) {
    const at = `line ${line}`
    if (record.length !== names.length) {
      reader.refuse(at, `has ${record.length} cells where the first line has ${names.length}`)
      continue
    }
    const cells = new Map(names.map((name, i) => [name, (record[i] ?? '').trim()] as const).filter(([, cell]) => cell !== ''))
    const time = cells.get('time')
    reader.reading(at, { ...Object.fromEntries(cells), value: numberOf(cells.get('value')), ...(time !== undefined && { time: timeCell(time) }) })
  }
}

function csvRows(text: string): { record: string[]; line: number }[] {
  try {
    return parse(text, {
      bom: true, relax_column_count: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n', '\r'], max_record_size: 100_000,
      // Its types know only records of strings; what comes out is what this returns.
      on_record: (record: string[], { lines }) => ({ record, line: lines }) as unknown as string[],
    }) as unknown as { record: string[]; line: number }[]
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return refuse('invalid', `the body is not CSV: ${error.message.slice(0, 200)}; check its quotes, and that cells are divided by commas`)
  }
}

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i
/** An empty cell is a value the machine did not have; what is no number is told as it stands. */
const numberOf = (cell: string | undefined): unknown => (cell === undefined ? null : NUMBER.test(cell) ? Number(cell) : /^(true|false)$/i.test(cell) ? cell.toLowerCase() === 'true' : cell)
const timeCell = (cell: string): unknown => (NUMBER.test(cell) ? Number(cell) : cell)

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    return error instanceof SyntaxError ? error : new SyntaxError(String(error))
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)
