import { once } from 'node:events'
import { z } from 'zod'
import type { ConnectorKind } from '../../edge/connectors/kind.ts'
import type { ReadingsBlock } from '../../edge/raw-entry.ts'
import type { SitePlan, SourcePlan } from '../../edge/site/plan.ts'
import { tagMapSchema } from '../../edge/tag-map.ts'
import type { MqttConnection } from '../config.ts'

/** What the gateway of a bench has to carry: machines of 100 tags at 1 Hz, as fast as it takes them. */
export interface EdgeLoad {
  readonly machines: number
  /** Readings of each tag that a machine hands over at once: 1 is how a live one speaks. */
  readonly roundsAtOnce: number
  /** Readings of each tag in all. */
  readonly rounds: number
}

export const TAGS = 100
export const readingsOf = ({ machines, rounds }: EdgeLoad): number => machines * rounds * TAGS

export const benchSite = { site: 'bench', gateway: 'bench' } as const

const addresses = Array.from({ length: TAGS }, (_, i) => `${1 + (i % 4)}:holding:${100 + i}:float32`)
export const START_US = Date.UTC(2026, 0, 1) * 1000

/** A plan as `parseSiteFile` makes them, every tag with a unit to convert and the checks a careful engineer would ask for. */
export function edgePlan(directory: string, mqtt: MqttConnection, load: EdgeLoad): SitePlan {
  return {
    ...benchSite,
    platform: { url: mqtt.url, username: mqtt.username ?? null, password: mqtt.password === undefined ? null : { env: 'MQTT_PASSWORD' } },
    buffer: { directory, capBytes: 2 * 1024 ** 3, maxAgeMs: null, whenFull: 'drop-oldest', keepRaw: null },
    outage: { first: 'oldest', lateAfterMs: 60_000 }, bandwidth: null, health: null, judge: { keepMs: 86_400_000 }, alarms: { rules: [], to: [], keepMs: 86_400_000 }, log: null,
    sources: Array.from({ length: load.machines }, (_, machine) => machinePlan(machine + 1, load)),
  }
}

function machinePlan(machine: number, load: EdgeLoad): SourcePlan {
  const map = tagMapSchema.parse({
    version: 1,
    tags: addresses.map((address, i) => ({
      address, tag: `machine-${machine}/tag-${i}`, unit: 'bar', canonicalUnit: 'kPa',
      checks: { range: { low: 0, high: 20_000 }, maxRatePerSec: 2_000, flatlineAfterSeconds: 600, everySeconds: 1, missingAfterSeconds: 60 },
    })),
  })
  const tags = map.tags.map(({ address, tag, kind }) => ({ address, tag, kind, everyMs: 1_000, deadband: null }))
  return { id: `machine-${machine}`, kind: machineKind(load), config: {}, writable: [], map, tags, digest: `machine-${machine}` }
}

/** A connector with nothing of its own to compute: what is measured is the gateway. */
function machineKind({ rounds, roundsAtOnce }: EdgeLoad): ConnectorKind<object> {
  return {
    type: 'bench',
    config: z.object({}),
    checkAddress: () => {},
    create: (_config, { id, map }) => ({
      id, mode: 'live', map,
      async run(outlet, signal) {
        for (let round = 0; round < rounds && !signal.aborted; round += roundsAtOnce) {
          await outlet.deliver({ blocks: [blockOf(round, roundsAtOnce)], completeThroughUs: START_US + (round + roundsAtOnce - 1) * 1e6 })
        }
        if (!signal.aborted) await once(signal, 'abort')
      },
    }),
  }
}

export function blockOf(firstRound: number, rounds: number): ReadingsBlock {
  return roundsOf({ addresses, firstRound, rounds, startUs: START_US, valueOf: (round, tag) => 20 + tag + (round % 97) / 10 })
}

/** So many rounds of one reading an address, a second apart. */
export function roundsOf({ addresses: of, firstRound, rounds, startUs, valueOf }: {
  addresses: readonly string[]; firstRound: number; rounds: number; startUs: number; valueOf: (round: number, tag: number) => number
}): ReadingsBlock {
  const n = rounds * of.length
  const block = { kind: 'readings' as const, addresses: of, address: new Uint16Array(n), sourceUs: new Float64Array(n), raw: new Float64Array(n), quality: new Uint16Array(n) }
  for (let r = 0, i = 0; r < rounds; r++) {
    for (let tag = 0; tag < of.length; tag++, i++) {
      block.address[i] = tag
      block.sourceUs[i] = startUs + (firstRound + r) * 1e6
      block.raw[i] = valueOf(firstRound + r, tag)
    }
  }
  return block
}
