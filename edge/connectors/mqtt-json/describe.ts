import type { SourceHealth } from '../../source.ts'
import { shown } from '../shown.ts'
import type { Suspects } from '../suspects.ts'
import type { Counters } from './counters.ts'
import type { Reader } from './reader.ts'

export interface Standing {
  readonly reader: Pick<Reader, 'refused' | 'awaited'>
  readonly suspects: Suspects
  readonly counters: Counters
}

export function describeHealth({ reader: { refused, awaited }, suspects, counters }: Standing): SourceHealth {
  const all = { ...counters, addresses_refused: refused.size, addresses_awaited: awaited.size }
  const details = [
    ...shown([...refused].map(([address, is]) => `${address} is ${is}`)),
    ...shown([...awaited].map((address) => `${address} is in no message of its topic so far; check the path`)),
    ...[suspects.describe()].filter((text) => text !== null),
  ]
  return { state: details.length > 0 ? 'degraded' : counters.messages === 0 ? 'starting' : 'ok', detail: details.length > 0 ? details.join('; ') : null, counters: all }
}
