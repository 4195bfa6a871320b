/**
 * The gateway of `bench:edge`, in a process of its own as it is deployed, so that its memory and its CPU are nobody
 * else's. `ship`: until everything is acknowledged. `fill`: without a platform, until everything waits in the buffer.
 * `drain`: a restart; says when the first batch is acknowledged, and ends when all are.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { runSite } from '../../edge/site/run-site.ts'
import type { MqttConnection } from '../config.ts'
import { edgePlan, readingsOf, START_US, type EdgeLoad } from './edge-load.ts'
import { watchMemory, type MemoryPeak } from './memory-peak.ts'

export interface GatewayTask {
  readonly what: 'ship' | 'fill' | 'drain'
  readonly directory: string
  readonly mqtt: MqttConnection
  readonly load: EdgeLoad
}

export type GatewayMessage =
  | { readonly type: 'first-acknowledged'; readonly cpuMs: number }
  | ({ readonly type: 'done'; readonly seconds: number; readonly cpuSeconds: number } & MemoryPeak)

const { what, directory, mqtt, load } = JSON.parse(process.argv[2] ?? '{}') as GatewayTask
const memory = watchMemory()
const startedMs = performance.now()
const startCpuMs = cpuMs()
const site = await runSite({ plan: edgePlan(directory, mqtt, load), secret: () => mqtt.password ?? '', version: 'bench', log: pino({ level: 'silent' }) })
const until = async (holds: () => boolean) => { while (!holds()) await sleep(5) }

if (what === 'drain') {
  await until(() => site.figures().lastAcknowledgedUs !== null)
  say({ type: 'first-acknowledged', cpuMs: cpuMs() })
} else {
  await until(() => site.status().counters['appended'] === readingsOf(load))
}
if (what !== 'fill') await until(() => site.status().buffer.rows === 0)
// Where a release judges: each machine's last window, which ends with its last reading.
const lastUs = START_US + (load.rounds - 1) * 1_000_000
await until(() => site.judged().every(({ last }) => last !== null && last.endUs >= lastUs - 1_000_000))
const seconds = (performance.now() - startedMs) / 1000
const cpuSeconds = (cpuMs() - startCpuMs) / 1000
await site.stop()
say({ type: 'done', seconds, cpuSeconds, ...memory.stop() })
process.disconnect()

/** Of this process since its start. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function say(message: GatewayMessage): void {
  process.send?.(message)
}
