import type { SourceHealth } from '../../source.ts'
import type { TrackCounters } from './item-track.ts'

export interface OpcUaCounters extends TrackCounters {
  connections: number
  notifications: number
  keep_alives: number
  readings: number
  waveforms: number
  /** Values that the server's queue could not hold. */
  overflows: number
  republished: number
  /** Notification messages that the server did not have any more when asked again. */
  lost_notifications: number
  not_numeric: number
  refused_nodes: number
  refused_filters: number
  history_readings: number
  history_unsupported: number
  history_errors: number
}

/** What the connector knows of its server; kept over its runs. */
export interface OpcUaHealth {
  readonly counters: OpcUaCounters
  state: SourceHealth['state']
  /** Why the last run ended; null while one goes well. */
  lost: string | null
  /** By address: what the server or we refuse about it. */
  readonly refused: Map<string, string>
  history: string | null
  describe(): SourceHealth
}

const SHOWN = 5

export function createOpcUaHealth(): OpcUaHealth {
  const counters: OpcUaCounters = {
    connections: 0, notifications: 0, keep_alives: 0, readings: 0, waveforms: 0, duplicates: 0, out_of_order: 0, overflows: 0, republished: 0, lost_notifications: 0,
    not_numeric: 0, refused_nodes: 0, refused_filters: 0, history_readings: 0, history_unsupported: 0, history_errors: 0,
  }
  const health: OpcUaHealth = {
    counters, state: 'starting', lost: null, refused: new Map(), history: null,
    describe() {
      const details = [health.lost, refusals(health.refused), health.history].filter((text) => text !== null)
      const degraded = health.state === 'ok' && (health.refused.size > 0 || health.history !== null)
      return { state: degraded ? 'degraded' : health.state, detail: details.length > 0 ? details.join(' ') : null, counters: { ...counters } }
    },
  }
  return health
}

function refusals(refused: ReadonlyMap<string, string>): string | null {
  if (refused.size === 0) return null
  const named = [...refused].slice(0, SHOWN).map(([address, why]) => `${address} (${why})`)
  const more = refused.size > SHOWN ? ` and ${refused.size - SHOWN} more` : ''
  return `Not read: ${named.join(', ')}${more}; correct these addresses in the site file, or the server.`
}
