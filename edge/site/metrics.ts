import { Counter, Gauge, Registry } from 'prom-client'
import type { GatewayStatus } from '../../registry/domain/contract/gateway-report.ts'
import type { SiteFigures } from './run-site.ts'

export interface Measured {
  readonly status: GatewayStatus
  readonly figures: SiteFigures
}

type Pick1 = (measured: Measured) => number | null

const gauges: readonly (readonly [name: string, help: string, pick: Pick1])[] = [
  ['up', '1: readings are taken and kept', ({ figures }) => Number(figures.keeping)],
  ['uplink_connected', '1: connected to the platform\'s broker', ({ figures }) => Number(figures.uplink.connected)],
  ['buffer_rows', 'Readings and waveforms that wait', ({ status }) => status.buffer.rows],
  ['buffer_bytes', 'Bytes that wait', ({ status }) => status.buffer.bytes],
  ['buffer_cap_bytes', 'Bytes that may wait', ({ status }) => status.buffer.capBytes],
  ['archive_bytes', 'Bytes in the raw store', ({ status }) => status.buffer.archiveBytes],
  ['oldest_age_seconds', 'Age of the oldest reading that waits', ({ status, figures }) => (status.buffer.oldestUs === null ? 0 : Math.max(0, figures.nowUs - status.buffer.oldestUs) / 1e6)],
  ['last_acknowledged_age_seconds', 'Since the platform acknowledged something', ({ figures }) => (figures.lastAcknowledgedUs === null ? null : (figures.nowUs - figures.lastAcknowledgedUs) / 1e6)],
  ['disk_free_bytes', 'Free on the buffer\'s disk', ({ status }) => status.buffer.diskFreeBytes],
  ['readings_in_per_second', 'Mean over some seconds', ({ status }) => status.rate.inPerSec],
  ['readings_acknowledged_per_second', 'Mean over some seconds', ({ status }) => status.rate.acknowledgedPerSec],
  ['gaps_open', 'Gaps that go on', ({ figures }) => figures.gapsOpen],
  ['alarms_standing', 'Alarms by the gateway\'s own rules whose condition holds', ({ figures }) => figures.alarmsStanding],
  ['certificate_seconds', 'How long the gateway\'s certificate is good; it is renewed before', ({ figures }) => figures.certificateSeconds],
  ['clock_skew_seconds', 'Gateway minus platform', ({ status }) => (status.clock.skewUs === null ? null : status.clock.skewUs / 1e6)],
  ['clock_sure', '0: the clock jumped, and nobody told yet which time is right', ({ status }) => Number(status.clock.state === 'ok')],
  ['batches_in_flight', 'Sent, not acknowledged', ({ figures }) => figures.uplink.inFlight],
]

const counters: readonly (readonly [name: string, help: string, pick: Pick1])[] = [
  ['lost_rows_total', 'Readings dropped, refused or thinned out for want of room', ({ status }) => status.buffer.lostRows],
  ['clock_jumps_total', 'Jumps of the system clock', ({ status }) => status.clock.jumps],
]

/** How many connectors it may be that `state` is told of. */
const STATES = ['starting', 'ok', 'degraded', 'down'] as const

/** A gateway's figures as Prometheus reads them; asked for anew at each scrape. */
export function createMetrics(measure: () => Measured | undefined): { readonly contentType: string; text(): Promise<string> } {
  const registry = new Registry()
  const gauge = (name: string, help: string, labelNames: string[] = []) => new Gauge({ name: `twinward_gateway_${name}`, help, labelNames, registers: [registry] })
  const counter = (name: string, help: string, labelNames: string[] = []) => new Counter({ name: `twinward_gateway_${name}`, help, labelNames, registers: [registry] })
  const plain = gauges.map(([name, help, pick]) => ({ metric: gauge(name, help), pick }))
  const counted = counters.map(([name, help, pick]) => ({ metric: counter(name, help), pick }))
  const events = counter('events_total', 'Since the buffer was made, or since start: what the gateway counts, by name', ['event'])
  const state = gauge('connector_state', '1 for the state the connector is in', ['source', 'type', 'state'])
  const reading = gauge('connector_last_reading_age_seconds', 'Since a tag of the source gave a value that is not bad', ['source', 'type'])
  const counts = counter('connector_events_total', 'What the connector counts, by name', ['source', 'type', 'event'])

  return {
    contentType: registry.contentType,
    async text() {
      for (const metric of [...plain, ...counted]) metric.metric.reset()
      for (const metric of [events, state, reading, counts]) metric.reset()
      const measured = measure()
      if (!measured) {
        plain[0]?.metric.set(0)
        return registry.metrics()
      }
      const { status, figures } = measured
      for (const { metric, pick } of plain) {
        const value = pick(measured)
        // Not known is another thing than 0.
        if (value === null) metric.remove()
        else metric.set(value)
      }
      for (const { metric, pick } of counted) metric.inc(pick(measured) ?? 0)
      for (const [event, value] of Object.entries(status.counters)) events.inc({ event }, value)
      for (const { id: source, type, state: now, lastReadingUs, counters: own } of status.connectors) {
        for (const each of STATES) state.set({ source, type, state: each }, Number(each === now))
        if (lastReadingUs !== null) reading.set({ source, type }, (figures.nowUs - lastReadingUs) / 1e6)
        for (const [event, value] of Object.entries(own)) counts.inc({ source, type, event }, Math.max(0, value))
      }
      return registry.metrics()
    },
  }
}
