import { stat } from 'node:fs/promises'
import path from 'node:path'
import { refuse } from '../../../registry/domain/errors.ts'
import { FUTURE_TOLERANCE_US } from '../../../registry/domain/ingest/check-run.ts'
import type { CsvLayout } from './map.ts'
import type { CsvProblem } from './problem.ts'
import { readCsv } from './rows.ts'

/** What a first reading of a file found. */
export interface CsvFilePlan {
  readonly path: string
  readonly name: string
  /** SHA-256 of its bytes: the import remembers the file by it, whatever it is called. */
  readonly digest: string
  /** SHA-256 of as many of its first bytes as were asked about; null when nobody asked, or it has fewer. */
  readonly digestOfFirst: string | null
  readonly bytes: number
  readonly modifiedMs: number
  readonly rows: number
  readonly badRows: number
  readonly readings: number
  readonly firstUs: number | null
  readonly lastUs: number | null
  /** The furthest any row lies behind an earlier one: 0 when times ascend. */
  readonly latenessUs: number
}

export interface CsvChecked {
  readonly plan: CsvFilePlan
  readonly problems: readonly CsvProblem[]
}

/** More are counted than kept: a wrong decimal mark makes a problem of every row. */
const KEPT_PROBLEMS = 100

/**
 * Reads a whole file and keeps nothing of it: every mistake is known before the first reading ships, and the import
 * knows how far rows stray from the order of time, hence how far back it can promise to be complete. With `grows`, the
 * file ends where it ends now, and may have no rows yet; `firstBytes` is how long it was before.
 */
export async function checkCsvFile(
  file: string, map: CsvLayout, nowUs: number, onProgress: (bytesRead: number, rows: number) => void = () => {}, signal?: AbortSignal, grows = false, firstBytes?: number,
): Promise<CsvChecked> {
  const name = path.basename(file)
  const facts = await stat(file).catch(() => undefined)
  if (!facts?.isFile()) refuse('not_found', `${file} is not a file that can be read; check the path`, { file })
  const reading = readCsv(file, map, { bytesAtMost: grows ? facts.size : undefined, firstBytes })
  const problems: CsvProblem[] = []
  let rows = 0
  let badRows = 0
  let firstUs = Infinity
  let lastUs = -Infinity
  let latenessUs = 0
  for await (const row of reading.rows) {
    signal?.throwIfAborted()
    rows++
    const found = 'problems' in row ? row.problems
      : isFuture(row.sourceUs, nowUs) ? [futureProblem(name, row.line, map)] : []
    if (found.length > 0) {
      badRows++
      problems.push(...found.slice(0, Math.max(0, KEPT_PROBLEMS - problems.length)))
    } else if ('sourceUs' in row) {
      firstUs = Math.min(firstUs, row.sourceUs)
      lastUs = Math.max(lastUs, row.sourceUs)
      latenessUs = Math.max(latenessUs, lastUs - row.sourceUs)
    }
    if (rows % 5000 === 0) onProgress(reading.bytesRead(), rows)
  }
  if (rows === 0 && !grows) refuse('invalid', `${name}:2: the file has a header and no rows; there is nothing to import`, { file: name, line: 2 })
  onProgress(reading.bytesRead(), rows)
  const good = rows - badRows
  return {
    plan: {
      path: path.resolve(file), name, digest: reading.digest(), digestOfFirst: reading.digestOfFirst(), bytes: facts.size, modifiedMs: facts.mtimeMs, rows, badRows, readings: good * map.tags.length,
      firstUs: good > 0 ? firstUs : null, lastUs: good > 0 ? lastUs : null, latenessUs,
    },
    problems,
  }
}

/** A year ago is history, tomorrow is a mistake in zone or format; the platform would quarantine it. */
export function isFuture(sourceUs: number, nowUs: number): boolean {
  return sourceUs > nowUs + FUTURE_TOLERANCE_US
}

function futureProblem(file: string, line: number, map: CsvLayout): CsvProblem {
  return { file, line, column: map.time.column, message: 'this time lies in the future; correct time.zone or time.format in the map, or the cell' }
}
