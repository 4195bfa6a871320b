import { createReadStream } from 'node:fs'
import path from 'node:path'
import { isoToMicros } from '../../registry/domain/contract/time.ts'
import { exportReadings } from '../export-readings.ts'
import type { DurableBuffer } from '../buffer/buffer.ts'
import type { AlarmBook } from '../alarms/alarm-book.ts'
import type { RawReader } from '../raw-reader.ts'
import { logFiles } from '../judge/score-log.ts'
import { judgeFolder } from './judging.ts'

/** What a box gives to a file: its readings, the windows it judged, its alarms. */
export interface ExportDesk {
  /** Text of `readings.csv`, `windows.ndjson` or `alarms.ndjson`; null: no such file, or a query that is none. */
  open(name: string, query: URLSearchParams): { readonly type: string; readonly text: AsyncIterable<string> } | null
}

export function createExportDesk({ buffer, reader, alarms, directory }: { readonly buffer: DurableBuffer; readonly reader: RawReader; readonly alarms: Pick<AlarmBook, 'list'>; readonly directory: string }): ExportDesk {
  return {
    open(name, query) {
      const [fromUs, toUs] = [instantOf(query.get('from'), 0), instantOf(query.get('to'), Number.MAX_SAFE_INTEGER)]
      if (fromUs === null || toUs === null) return null
      const tags = query.getAll('tag')
      if (name === 'readings.csv') return { type: 'text/csv; charset=utf-8', text: exportReadings(buffer, reader, { fromUs, toUs, ...(tags.length > 0 && { tags: new Set(tags) }) }) }
      if (name === 'windows.ndjson') return { type: 'application/x-ndjson', text: windowsOf(path.join(judgeFolder(directory), 'scores'), fromUs, toUs) }
      if (name === 'alarms.ndjson') return { type: 'application/x-ndjson', text: alarmsOf(alarms, fromUs, toUs) }
      return null
    },
  }
}

function instantOf(text: string | null, otherwise: number): number | null {
  if (text === null) return otherwise
  try {
    return isoToMicros(text)
  } catch {
    return null
  }
}

/** Whole lines of the log, by the end of their window. */
async function* windowsOf(folder: string, fromUs: number, toUs: number): AsyncGenerator<string> {
  for (const { name } of await logFiles(folder)) {
    let rest = ''
    for await (const chunk of createReadStream(path.join(folder, name), { encoding: 'utf8' }) as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      const wanted = lines.filter((line) => {
        const endUs = Number(/"endUs":(\d+)/.exec(line)?.[1])
        return endUs >= fromUs && endUs <= toUs
      })
      if (wanted.length > 0) yield `${wanted.join('\n')}\n`
    }
  }
}

async function* alarmsOf(alarms: Pick<AlarmBook, 'list'>, fromUs: number, toUs: number): AsyncGenerator<string> {
  yield alarms.list(Infinity).filter(({ sinceUs, clearedUs }) => sinceUs <= toUs && (clearedUs ?? Infinity) >= fromUs).reverse().map((alarm) => `${JSON.stringify(alarm)}\n`).join('')
}
