import type { SourceHealth } from '../../source.ts'
import type { Counters } from './counters.ts'
import { exceptionMeaning } from './pdu.ts'
import type { Point } from './point.ts'
import type { Silence } from './unit.ts'

/** `down`: with the words of its last error. */
export interface LineState { readonly state: 'starting' | 'open' | 'down'; readonly why: string | null }

export interface Standing {
  readonly wire: string
  readonly line: LineState
  readonly units: number
  /** Units that have answered since the line was opened. */
  readonly answered: number
  readonly silent: ReadonlyMap<number, Silence>
  readonly points: readonly Point[]
  readonly counters: Counters
}

const NAMED = 5

export function describeHealth({ wire, line, units, answered, silent, points, counters }: Standing): SourceHealth {
  const refused = points.filter((point) => point.refused !== null)
  const gauges = { units_silent: silent.size, addresses_refused: refused.length }
  if (line.state === 'down') return { state: 'down', detail: line.why, counters: { ...counters, ...gauges } }
  const details = [
    ...some([...silent].map(([unit, { why }]) => `unit ${unit} ${why}`)),
    ...some(refused.map(({ address, refused: refusal }) => `${address} is refused (exception ${refusal?.code ?? 0}: ${exceptionMeaning(refusal?.code ?? 0).name})`)),
  ]
  return {
    state: silent.size > 0 && silent.size === units ? 'down' : details.length > 0 ? 'degraded' : answered === 0 ? 'starting' : 'ok',
    detail: details.length > 0 ? `${wire}: ${details.join('; ')}` : null,
    counters: { ...counters, ...gauges },
  }
}

const some = (lines: readonly string[]) => (lines.length <= NAMED ? lines : [...lines.slice(0, NAMED), `and ${lines.length - NAMED} more`])
