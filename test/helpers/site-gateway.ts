import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { z } from 'zod'
import { packReadings } from '../../edge/connectors/blocks.ts'
import type { ConnectorKind } from '../../edge/connectors/kind.ts'
import type { MqttAddress } from '../../edge/mqtt-link.ts'
import type { SitePlan } from '../../edge/site/plan.ts'
import { runSite, type RunningSite, type RunSiteOptions } from '../../edge/site/run-site.ts'
import { tagMapSchema, type TagMapping } from '../../edge/tag-map.ts'

/** A machine that a test plays: what it says next, one call a round. */
export interface PlayedMachine {
  /** Values of the round by address; null: silence; throws: the machine is lost. */
  readonly next: () => Promise<Readonly<Record<string, number>> | null>
  /** Counts what the connector took, by address. */
  readonly taken: Map<string, number>
}

/** Plays a ramp on every address, a round each `everyMs`, as long as it is told to. */
export function rampMachine(addresses: readonly string[], everyMs: number, value: (round: number) => number = (round) => round): PlayedMachine & { rounds: number; mute: boolean; broken: boolean; stop: boolean; atRest(): boolean } {
  const machine = {
    /** Told to stop, and all it has said is taken: the last round may still be on its way. */
    atRest: () => machine.stop && addresses.every((address) => (machine.taken.get(address) ?? 0) === machine.rounds),
    rounds: 0, mute: false, broken: false, stop: false, taken: new Map<string, number>(),
    async next() {
      await sleep(everyMs)
      if (machine.broken) throw new Error('the cable is cut; mend it')
      if (machine.mute || machine.stop) return null
      const round = machine.rounds++
      return Object.fromEntries(addresses.map((address) => [address, value(round)]))
    },
  }
  return machine
}

export function playedKind(machine: PlayedMachine): ConnectorKind<object> {
  return {
    type: 'played',
    config: z.object({}),
    checkAddress: () => {},
    create: (_config, { id, map, nowUs }) => ({
      id, mode: 'live', map,
      async run(outlet, signal) {
        while (!signal.aborted) {
          const values = await machine.next()
          if (!values || signal.aborted) continue
          const sourceUs = nowUs()
          await outlet.deliver({ blocks: [packReadings(Object.entries(values).map(([address, raw]) => ({ address, sourceUs, raw, quality: 0 })))], completeThroughUs: sourceUs })
          for (const address of Object.keys(values)) machine.taken.set(address, (machine.taken.get(address) ?? 0) + 1)
        }
      },
    }),
  }
}

export interface TestSite {
  readonly directory: string
  readonly mqtt: MqttAddress
  readonly tags: readonly (Partial<TagMapping> & { address: string; tag: string })[]
  readonly machine: PlayedMachine
  readonly plan?: Partial<SitePlan>
  readonly buffer?: Partial<SitePlan['buffer']>
  readonly options?: Partial<RunSiteOptions>
}

export function sitePlan({ directory, mqtt, tags, machine, plan, buffer }: TestSite): SitePlan {
  const map = tagMapSchema.parse({ version: 1, tags: tags.map((tag) => ({ unit: '1', canonicalUnit: '1', ...tag })) })
  return {
    site: 'works', gateway: 'gw-1',
    platform: { url: mqtt.url, username: mqtt.username ?? null, password: mqtt.password === undefined ? null : { env: 'MQTT_PASSWORD' } },
    buffer: { directory, capBytes: 64 << 20, maxAgeMs: null, whenFull: 'reject-newest', keepRaw: null, ...buffer },
    outage: { first: 'oldest', lateAfterMs: 60_000 }, bandwidth: null, health: null, log: null, alarms: { rules: [], to: [], keepMs: 86_400_000 }, judge: { keepMs: 86_400_000 },
    sources: [{
      id: 'plc', kind: playedKind(machine), config: {}, writable: [], map, digest: JSON.stringify(tags),
      tags: map.tags.map(({ address, tag, kind }) => ({ address, tag, kind, everyMs: null, deadband: null })),
    }],
    ...plan,
  }
}

/** Runs a gateway quickly enough for a test. */
export function startSite(site: TestSite): Promise<RunningSite> {
  return runSite({
    plan: sitePlan(site), secret: () => site.mqtt.password ?? '', version: 'test', log: pino({ level: 'silent' }), reportEveryMs: 200,
    cut: { rows: 500, waitMs: 50 },
    uplink: { acknowledgementTimeoutMs: 1_000, reconnectFirstMs: 30, reconnectMaxMs: 200, connectTimeoutMs: 2_000 },
    ...site.options,
  })
}
