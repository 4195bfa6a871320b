/**
 * How soon a gateway without its platform tells an alarm: from the reading's own time, through the durable buffer, the rules and
 * the alarm's place on disk, to whoever listens at the plant's broker. 100 tags at 10 Hz, a rule on each; the aim is 100 ms.
 * Beside it, how many readings a second the rules alone take in. `--json`: one object as the last line.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { connectAsync } from 'mqtt'
import { pino } from 'pino'
import { z } from 'zod'
import type { AlarmBook } from '../../edge/alarms/alarm-book.ts'
import type { AlarmMessage } from '../../edge/alarms/outputs/message.ts'
import type { AlarmRule } from '../../edge/alarms/rule.ts'
import { createAlarmWatch } from '../../edge/alarms/watch.ts'
import type { ConnectorKind } from '../../edge/connectors/kind.ts'
import { runSite } from '../../edge/site/run-site.ts'
import type { SitePlan } from '../../edge/site/plan.ts'
import { launch } from '../child-process.ts'
import { embeddedMqtt } from '../dev/mqtt.ts'
import { freePort } from '../dev/ports.ts'
import { loadSecrets } from '../dev/secrets.ts'
import { edgePlan, roundsOf, TAGS } from './edge-load.ts'

const EVERY_MS = 100
const ALARMS = 300
const LIMIT = 1_000
const ROUNDS = 20_000

export interface EdgeAlarmsBench {
  readonly alarms: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
  /** Readings a second that the rules alone take in, one rule to each tag. */
  readonly watchedReadingsPerSec: number
}

const ruleOf = (tag: string): AlarmRule => ({
  asset: 'machine-1', name: tag.split('/')[1] ?? tag, when: { kind: 'range', tag, above: LIMIT, below: null, deadband: 5 }, onDelayUs: 0, offDelayUs: 0, severity: 'high', message: tag, recommendedAction: null,
})

export async function benchEdgeAlarms(): Promise<EdgeAlarmsBench> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-bench-alarms-'))
  const broker = embeddedMqtt(await freePort(), loadSecrets(directory), { dataDir: directory, logFile: path.join(directory, 'broker.log'), pidFile: path.join(directory, 'broker.pid') })
  const running = await launch(broker.spec)
  try {
    await running.ready
    const { connection: mqtt } = broker
    const plain = edgePlan(path.join(directory, 'buffer'), mqtt, { machines: 1, roundsAtOnce: 1, rounds: 0 })
    const [source] = plain.sources
    if (!source) throw new Error('the bench has no machine')
    const rules = source.map.tags.map(({ tag }) => ruleOf(tag))
    const { username, password } = mqtt
    const plan: SitePlan = {
      ...plain, platform: { url: `mqtt://127.0.0.1:${await freePort()}`, username: null, password: null },
      alarms: { rules, keepMs: 86_400_000, to: [{ id: 'panel', type: 'mqtt', atLeast: 'low', url: mqtt.url, topic: 'panel/{rule}', retain: false, ...(username !== undefined && { username }), ...(password !== undefined && { password: { env: 'MQTT_PASSWORD' } }) }] },
      sources: [{ ...source, kind: swinging(source.map.tags.map(({ address }) => address)) }],
    }
    const listener = await connectAsync(mqtt.url, { ...(username !== undefined && { username }), ...(password !== undefined && { password }), protocolVersion: 4 })
    await listener.subscribeAsync('panel/#', { qos: 1 })
    const tookMs: number[] = []
    listener.on('message', (_topic, payload) => {
      const { state, since } = JSON.parse(payload.toString()) as AlarmMessage
      // Since when: to the millisecond, which is fine enough beside 100.
      if (state === 'active' && since !== null) tookMs.push(Date.now() - Date.parse(since))
    })
    const site = await runSite({ plan, secret: () => password ?? '', version: 'bench', log: pino({ level: 'silent' }) })
    while (tookMs.length < ALARMS) await sleep(50)
    await site.stop()
    await listener.endAsync(true)
    const sorted = tookMs.slice(0, ALARMS).sort((a, b) => a - b)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN
    return { alarms: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), mostMs: at(1), watchedReadingsPerSec: watchedPerSec(rules, plan) }
  } finally {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** One tag after the other goes beyond its limit for one round. */
function swinging(addresses: readonly string[]): ConnectorKind<object> {
  return {
    type: 'bench', config: z.object({}), checkAddress: () => {},
    create: (_config, { id, map }) => ({
      id, mode: 'live', map,
      async run(outlet, signal) {
        for (let round = 0; !signal.aborted; round++) {
          const startUs = Date.now() * 1000
          await outlet.deliver({ blocks: [roundsOf({ addresses, firstRound: 0, rounds: 1, startUs, valueOf: (_, tag) => (tag === round % TAGS ? LIMIT : 1) })], completeThroughUs: startUs })
          await sleep(EVERY_MS)
        }
      },
    }),
  }
}

function watchedPerSec(rules: readonly AlarmRule[], plan: SitePlan): number {
  const [source] = plan.sources
  if (!source) return NaN
  const quiet = { standing: () => undefined, standingAll: () => [] } as Partial<AlarmBook> as AlarmBook
  const watch = createAlarmWatch({ rules, book: quiet, nowUs: () => performance.now() * 1000, onError: (error) => { throw error } })
  watch.follow(source.id, source.map)
  const block = roundsOf({ addresses: source.map.tags.map(({ address }) => address), firstRound: 0, rounds: 1, startUs: 0, valueOf: () => 1 })
  const began = performance.now()
  for (let round = 0; round < ROUNDS; round++) {
    block.sourceUs.fill(round * 1e6)
    watch.see(source.id, 'live', [block])
  }
  return Math.round((ROUNDS * TAGS * 1000) / (performance.now() - began))
}

const result = await benchEdgeAlarms()
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(result)}\n`)
else {
  process.stdout.write(`${result.alarms} alarms without the platform, from the reading's time to the panel: ${result.p50Ms} ms (median), ${result.p99Ms} ms (99 %), ${result.mostMs} ms (most); the aim is 100 ms.
The rules alone take ${result.watchedReadingsPerSec.toLocaleString('en')} readings a second, one rule to each tag.\n`)
}
