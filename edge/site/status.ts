import type { ConnectorStatus, GatewayStatus, ProgramStatus } from '../../registry/domain/contract/gateway-report.ts'
import type { DurableBuffer } from '../buffer/buffer.ts'
import type { GatewayClock } from '../clock.ts'
import { diskFree } from '../disk-free.ts'
import type { LiveSource } from '../live-source.ts'
import type { Presence } from '../presence.ts'
import type { UplinkStatus } from '../uplink.ts'
import type { SourcePlan } from './plan.ts'

/** What is wrong with the gateway itself, by a name of its kind. */
export type Troubles = Map<string, string>

export interface StatusInputs {
  readonly buffer: DurableBuffer
  readonly clock: GatewayClock
  readonly running: () => Iterable<{ readonly plan: SourcePlan; readonly live: LiveSource; readonly presence: Presence }>
  readonly troubles: Troubles
  readonly uplink: () => UplinkStatus
  readonly counts: { readonly flagged: number; readonly duplicates: number }
  readonly directory: string
  /** There is no platform. */
  readonly alone?: boolean
  readonly program?: () => ProgramStatus
  readonly siteFile?: () => GatewayStatus['siteFile'] | null
}

/** Rates are means over about this long: asking often must not make them jump. */
const RATE_OVER_MS = 5_000
const LOW_DISK_BYTES = 256 * 1024 * 1024
const FULL_SHARE = 0.8

export function statusOf({ buffer, clock, running, troubles, uplink, counts, directory, alone = false, program, siteFile }: StatusInputs): () => GatewayStatus {
  let mark = { ms: performance.now(), in: buffer.stats().appendedRows, acknowledged: buffer.stats().acknowledgedRows }
  let rate = { inPerSec: 0, acknowledgedPerSec: 0 }

  return () => {
    const stats = buffer.stats()
    const now = performance.now()
    if (now - mark.ms >= RATE_OVER_MS) {
      const seconds = (now - mark.ms) / 1000
      rate = { inPerSec: Math.round((stats.appendedRows - mark.in) / seconds), acknowledgedPerSec: Math.round((stats.acknowledgedRows - mark.acknowledged) / seconds) }
      mark = { ms: now, in: stats.appendedRows, acknowledged: stats.acknowledgedRows }
    }
    const connectors = [...running()].map(({ plan, live, presence }): ConnectorStatus => {
      const health = live.health()
      const silent = presence.silent()
      const quiet = health.state === 'ok' && silent.length > 0
      return {
        id: plan.id, type: plan.kind.type, state: quiet ? 'degraded' : health.state,
        detail: (quiet ? `silent: ${silent.slice(0, 5).join(', ')}${silent.length > 5 ? ` and ${silent.length - 5} more` : ''}` : health.detail)?.slice(0, 500) ?? null,
        lastReadingUs: presence.lastReadingUs(), counters: { ...health.counters, silent_tags: silent.length },
      }
    })
    const link = uplink()
    const free = diskFree(directory)
    const share = (stats.rawBytes + stats.batchBytes) / stats.capBytes
    const { state: clockState } = clock.status()
    const problems = [
      ...troubles.values(),
      ...(link.connected || alone ? [] : [`no connection to the platform${link.lastError === null || [...troubles.values()].includes(link.lastError) ? '' : ` (${link.lastError})`}; readings wait in the buffer`]),
      ...(share >= FULL_SHARE ? [`the buffer is ${Math.round(share * 100)} % full; restore the connection, or raise buffer.cap`] : []),
      ...(free !== null && free < LOW_DISK_BYTES ? [`${Math.round(free / 1e6)} MB are free on the disk of ${directory}; make room`] : []),
      ...(clockState === 'unsure' ? ['the system clock jumped, and nobody has told yet which time is right'] : []),
      ...connectors.filter(({ state }) => state === 'down' || state === 'degraded').map(({ id, detail }) => `${id}: ${detail ?? 'gives nothing'}`),
    ]
    const config = siteFile?.()
    return {
      state: problems.length === 0 ? 'ok' : 'degraded', problems: problems.slice(0, 20).map((text) => text.slice(0, 500)),
      buffer: {
        rows: stats.rawRows + stats.batchRows, bytes: stats.rawBytes + stats.batchBytes, capBytes: stats.capBytes, archiveBytes: stats.archiveBytes,
        oldestUs: stats.oldestUs, diskFreeBytes: free, lostRows: stats.lostRows,
      },
      rate, clock: clock.status(), connectors,
      counters: {
        appended: stats.appendedRows, acknowledged: stats.acknowledgedRows, withheld: stats.withheldRows, flagged: counts.flagged, duplicates: counts.duplicates,
        batches_sent: link.sent, batches_resent: link.resent, connections: link.connections,
      },
      ...(program && { program: program() }), ...(config && { siteFile: config }),
    }
  }
}
