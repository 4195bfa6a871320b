import { BAD, qualityReasons } from '../../../registry/domain/contract/quality.ts'
import { FUTURE_TOLERANCE_US } from '../../../registry/domain/ingest/check-run.ts'
import { lostReadings, type RawReading } from '../blocks.ts'
import type { Progress } from '../progress.ts'
import type { Arrival } from '../mqtt/session.ts'
import type { Suspects } from '../suspects.ts'
import { parseTopic } from './address.ts'
import type { Counters } from './counters.ts'
import { stepNode, unknownNode, type NodeEffect, type NodeMessage, type NodeRules, type NodeState } from './node-state.ts'
import { decodePayload } from './payload.ts'
import { nodeKey, type NodeTags } from './tags.ts'
import { isNumericType, metricNumber, typeName } from './value.ts'

/** What came of messages or of time passing: to be delivered, said and sent. */
export interface Outcome {
  readonly live: RawReading[]
  readonly backfill: RawReading[]
  /** Nodes that are to be asked for their birth. */
  readonly rebirths: NodeTags[]
  readonly losses: { readonly addresses: readonly string[]; readonly fromUs: number; readonly toUs: number }[]
  /** Our own STATE topic said that we are offline. */
  deniedState: boolean
}

export interface HostOptions {
  readonly nodes: ReadonlyMap<string, NodeTags>
  readonly rules: Omit<NodeRules, 'devices'>
  readonly maxPayload: number
  readonly primaryHost: string | undefined
  readonly firstAskMs: number | null
  /** By address: why nothing comes of it. */
  readonly refused: Map<string, string>
  readonly counters: Counters
  readonly suspects: Suspects
  /** By node: since when readings are missing, UTC microseconds; outlives a connection. */
  readonly missing: Map<string, number>
  readonly progress: Progress
  readonly nowUs: () => number
  readonly nowMs: () => number
}

/** The host's side of all mapped nodes over one connection; synchronous, nothing of it waits. */
export interface Host {
  hear(arrivals: readonly Arrival[]): Outcome
  tick(): Outcome
  phases(): Map<string, NodeState['phase']>
}

export function createHost(options: HostOptions): Host {
  const { nodes, counters, suspects, refused, missing, progress, nowUs, nowMs } = options
  const states = new Map([...nodes.keys()].map((key) => [key, unknownNode(options.firstAskMs)]))
  /** What came before this connection counts as older: the gateway has marked the tags since. */
  const startUs = nowUs()
  const lastUs = new Map<string, number>()
  const heard = new Set<string>()

  function step(key: string, tags: NodeTags, message: NodeMessage | null, out: Outcome): void {
    const before = states.get(key) ?? unknownNode(null)
    const { state, effects } = stepNode(before, { atMs: nowMs(), message }, { ...options.rules, devices: tags.devices })
    states.set(key, state)
    for (const effect of effects) settle(key, tags, effect, out)
  }

  function settle(key: string, tags: NodeTags, effect: NodeEffect, out: Outcome): void {
    switch (effect.kind) {
      case 'count':
        counters[effect.counter]++
        break
      case 'rebirth':
        counters.rebirth_requests++
        out.rebirths.push(tags)
        break
      case 'missed':
        counters.dropped_messages += effect.messages
        if (!missing.has(key)) missing.set(key, Math.min(nowUs() - 1_000 * Math.round(nowMs() - effect.sinceMs), progress.missingFromUs(nowUs(), nowMs(), key)))
        break
      case 'lost':
        lose(effect.device === null ? tags.addresses : [...tags.scopes.get(effect.device)?.values() ?? []], out)
        break
      case 'values': {
        const sinceUs = missing.get(key)
        if (effect.birth && effect.device === null && sinceUs !== undefined) {
          missing.delete(key)
          // By the node's clock, too, which may be ahead of ours: what was missed came before its birth.
          out.losses.push({ addresses: tags.addresses, fromUs: sinceUs, toUs: nowOrLater((effect.timestampMs ?? 0) * 1_000) })
        }
        readValues(tags, effect, out)
      }
    }
  }

  /** A time by the node's clock where that is ahead of ours, as far as the platform follows it. */
  function nowOrLater(us: number): number {
    const now = nowUs()
    return us > now && us <= now + FUTURE_TOLERANCE_US ? us : now
  }

  function lose(addresses: readonly string[], out: Outcome): void {
    const known = addresses.filter((address) => heard.delete(address))
    for (const address of known) {
      // A node's clock may be ahead of ours: its last value must not pass for the newest.
      const atUs = nowOrLater((lastUs.get(address) ?? 0) + 1)
      lastUs.set(address, atUs)
      out.live.push(...lostReadings([address], atUs))
    }
  }

  function readValues(tags: NodeTags, { device, birth, timestampMs, values }: Extract<NodeEffect, { kind: 'values' }>, out: Outcome): void {
    const scope = tags.scopes.get(device ?? '')
    if (!scope) return
    if (birth) {
      counters.births++
      const born = new Set(values.map(({ name }) => name))
      for (const [metric, address] of scope) {
        if (born.has(metric)) continue
        turnDown(address, 'it is not in the birth certificate', out)
      }
    }
    for (const { name, datatype, metric } of values) {
      const address = scope.get(name)
      if (address === undefined) continue
      if (!isNumericType(datatype)) {
        counters.not_numeric++
        turnDown(address, `its type is ${typeName(datatype)}, and only numbers and Booleans are read`, out)
        continue
      }
      refused.delete(address)
      // Zero is what a node sends that has no clock yet.
      const atMs = metric.timestampMs || timestampMs || null
      let sourceUs = atMs === null ? nowUs() : atMs * 1_000
      const { raw, quality } = metricNumber(metric, datatype)
      const reading = { address, raw, quality: atMs === null ? quality | qualityReasons.clock : quality }
      if (metric.historical) {
        counters.historical++
        out.backfill.push({ ...reading, sourceUs })
        continue
      }
      const knownUs = lastUs.get(address) ?? startUs
      // A birth says what holds now, also of a value that was measured long ago and told, or marked lost, since.
      if (birth && sourceUs <= knownUs && timestampMs !== null) sourceUs = timestampMs * 1_000
      if (birth && sourceUs === lastUs.get(address) && heard.has(address)) continue
      lastUs.set(address, Math.max(sourceUs, lastUs.get(address) ?? -Infinity))
      heard.add(address)
      counters.readings++
      progress.note(nodeKey(tags.group, tags.node), sourceUs, nowMs())
      out.live.push({ ...reading, sourceUs })
    }
  }

  /** One bad reading for each reason: the tag does not just stay as it was. */
  function turnDown(address: string, why: string, out: Outcome): void {
    if (refused.get(address) === why) return
    refused.set(address, why)
    heard.delete(address)
    const sourceUs = nowUs()
    lastUs.set(address, sourceUs)
    out.live.push({ address, sourceUs, raw: NaN, quality: BAD | qualityReasons.device })
  }

  return {
    hear(arrivals) {
      const out = emptyOutcome()
      for (const { topic, payload, retained } of arrivals) {
        counters.messages++
        const said = parseTopic(topic)
        if (said === null) counters.other_topics++
        else if (said.kind === 'state') {
          if (said.host === options.primaryHost && !retained && isOffline(payload)) out.deniedState = true
        } else {
          const key = nodeKey(said.group, said.node)
          const tags = nodes.get(key)
          if (!tags) counters.unmapped++
          else if (retained) {
            // Births and data are never retained (tck-id-payloads-nbirth-retain): whatever this is, it is old.
            counters.retained_ignored++
          } else {
            const message = read(topic, said, payload)
            if (message) step(key, tags, message, out)
          }
        }
      }
      return out
    },
    tick() {
      const out = emptyOutcome()
      for (const [key, tags] of nodes) step(key, tags, null, out)
      return out
    },
    phases: () => new Map([...states].map(([key, { phase }]) => [key, phase])),
  }

  function read(topic: string, said: { type: NodeMessage['type']; device: string | null }, bytes: Uint8Array): NodeMessage | null {
    try {
      if (bytes.byteLength > options.maxPayload) throw new Error(`larger than maxPayload (${options.maxPayload} bytes)`)
      const payload = decodePayload(bytes)
      if (payload.uuid?.startsWith('SPBV1.0_COMPRESSED') === true) throw new Error('compressed, which is not supported; switch it off in the edge node')
      suspects.settle(topic)
      return { type: said.type, device: said.device, payload }
    } catch (error) {
      counters.malformed++
      suspects.note(topic, bytes, error instanceof Error ? error.message : String(error))
      return null
    }
  }
}

const emptyOutcome = (): Outcome => ({ live: [], backfill: [], rebirths: [], losses: [], deniedState: false })

function isOffline(payload: Uint8Array): boolean {
  try {
    return payload.byteLength <= 1_000 && (JSON.parse(Buffer.from(payload).toString('utf8')) as { online?: unknown } | null)?.online === false
  } catch {
    return false
  }
}
