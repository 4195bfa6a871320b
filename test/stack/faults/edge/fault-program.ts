/**
 * A gateway by its site file, as `edge run` runs it, with two things beside that faults need: a source that counts
 * (`type: counting`), and times that suit a test (`FAULT_OPTIONS`, JSON).
 */
import { connectorKinds } from '../../../../edge/connectors/index.ts'
import { runSiteFile } from '../../../../edge/site/run-site-file.ts'
import type { RunSiteOptions } from '../../../../edge/site/run-site.ts'
import type { ClockSources } from '../../../../edge/clock.ts'
import { openEdgeLog } from '../../../../infra/edge-log.ts'
import { stopOnSignal } from '../../../../infra/stop-on-signal.ts'
import { countingKind } from './counting-kind.ts'

export interface FaultOptions extends Pick<RunSiteOptions, 'cut' | 'uplink' | 'reportEveryMs'> {
  /** The gateway's time: begins here, and runs so much faster than time does, until it is now. */
  readonly clock?: { readonly startUs: number; readonly speed: number }
}

function hurriedClock({ startUs, speed }: NonNullable<FaultOptions['clock']>): ClockSources {
  const beganUs = performance.now() * 1000
  const us = () => Math.min(Date.now() * 1000, startUs + (performance.now() * 1000 - beganUs) * speed)
  return { systemUs: us, evenUs: us }
}

const { clock, ...options } = JSON.parse(process.env['FAULT_OPTIONS'] ?? '{}') as FaultOptions
const runner = await runSiteFile({
  file: process.argv[2] ?? '', env: process.env, version: 'test', openLog: openEdgeLog(process.env), pollMs: 100,
  kinds: { ...connectorKinds, counting: () => Promise.resolve(countingKind) }, ...options, ...(clock && { clocks: hurriedClock(clock) }),
})
stopOnSignal(() => runner.stop(), ['SIGINT', 'SIGTERM'])
process.send?.({ type: 'ready', address: runner.healthUrl() })
await runner.ended
await new Promise<never>(() => {})
