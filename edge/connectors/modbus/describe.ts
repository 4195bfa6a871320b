import type { SourceHealth } from '../../source.ts'
import type { Counters } from './counters.ts'
import { exceptionMeaning } from './pdu.ts'
import type { Point } from './point.ts'
import type { Silence } from './unit.ts'

export interface Standing {
  readonly wire: string
  readonly connected: boolean
  readonly units: number
  /** Units that have answered since the line was opened. */
  readonly answered: number
  readonly silent: ReadonlyMap<number, Silence>
  readonly points: readonly Point[]
  readonly counters: Counters
}

const NAMED = 5

export function describeHealth({ wire, connected, units, answered, silent, points, counters }: Standing): SourceHealth {
  const refused = points.filter((point) => point.refused !== null)
  const details = [
    ...some([...silent].map(([unit, { why }]) => `unit ${unit} ${why}`)),
    ...some(refused.map(({ address, refused: refusal }) => `${address} is refused (exception ${refusal?.code ?? 0}: ${exceptionMeaning(refusal?.code ?? 0).name})`)),
  ]
  const state = !connected || silent.size === units ? (counters.connections === 0 && silent.size === 0 ? 'starting' : 'down')
    : details.length > 0 ? 'degraded'
    : answered === 0 ? 'starting' : 'ok'
  return {
    state,
    detail: details.length > 0 ? `${wire}: ${details.join('; ')}` : state === 'down' ? `${wire} is not connected` : null,
    counters: { ...counters, units_silent: silent.size, addresses_refused: refused.length },
  }
}

const some = (lines: readonly string[]) => (lines.length <= NAMED ? lines : [...lines.slice(0, NAMED), `and ${lines.length - NAMED} more`])
