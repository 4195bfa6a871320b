import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectorContext } from '../kind.ts'
import type { BrokerConfig } from '../mqtt/config.ts'
import { openSession, type Session } from '../mqtt/session.ts'
import { parseTopic } from '../sparkplug/address.ts'
import { decodePayload, encodeRebirth, type Metric } from '../sparkplug/payload.ts'
import { surveyJson, type JsonSurvey } from './survey-json.ts'

export interface ListenOptions {
  readonly broker: BrokerConfig
  readonly clientId: string
  readonly topics: readonly string[]
  readonly listenMs: number
  /** Ask edge nodes that are heard for their births. */
  readonly rebirths: boolean
  readonly secret: ConnectorContext['secret']
  readonly signal: AbortSignal
  readonly onHeard?: (messages: number) => void
}

/** What was heard on a broker for a while. */
export interface Heard {
  readonly messages: number
  /** By topic, the last message in which there were numbers. */
  readonly json: ReadonlyMap<string, JsonSurvey>
  /** Metrics of births by `group/node` or `group/node/device`. */
  readonly births: ReadonlyMap<string, readonly Metric[]>
  /** Edge nodes heard that have not been born meanwhile. */
  readonly unborn: readonly string[]
  /** Topics of neither sort. */
  readonly others: number
  /** Why not all was looked at; null: it was. */
  readonly truncated: string | null
}

const MOST_TOPICS = 5_000
const MOST_BYTES = 256 * 1024
/** The platform's own, where plant and platform share a broker. */
const OWN = 'twinward/v1/'

/** Listens on a broker, asks nothing of devices but births, and keeps little. */
export async function listen({ broker, clientId, topics, listenMs, rebirths, secret, signal, onHeard }: ListenOptions): Promise<Heard> {
  const json = new Map<string, JsonSurvey>()
  const births = new Map<string, readonly Metric[]>()
  const nodes = new Map<string, { group: string; node: string; born: boolean; asked: boolean }>()
  const others = new Set<string>()
  let messages = 0
  let truncated: string | null = null
  let session: Session | null = null

  const room = (map: ReadonlyMap<string, unknown> | ReadonlySet<string>, key: string) => {
    if (map.has(key) || map.size < MOST_TOPICS) return true
    truncated = `more than ${MOST_TOPICS} topics; name fewer with --topic`
    return false
  }

  function hearSparkplug(topic: string, payload: Uint8Array): boolean {
    const said = parseTopic(topic)
    if (said?.kind !== 'node') return said !== null || topic.startsWith('spBv1.0/')
    const { group, node, device, type } = said
    const key = `${group}/${node}`
    if (!room(nodes, key)) return true
    const known = nodes.get(key) ?? { group, node, born: false, asked: false }
    nodes.set(key, known)
    if (type !== 'birth') return true
    try {
      const place = device === null ? key : `${key}/${device}`
      if (room(births, place)) births.set(place, decodePayload(payload).metrics)
      if (device === null) known.born = true
    } catch {
      others.add(topic)
    }
    return true
  }

  async function askUnborn(): Promise<void> {
    for (const one of nodes.values()) {
      if (one.born || one.asked || !session) continue
      one.asked = true
      await session.publish(`spBv1.0/${one.group}/NCMD/${one.node}`, encodeRebirth(Date.now()), { qos: 0, retain: false })
    }
  }

  try {
    session = await openSession({
      broker, clientId, clean: true, signal,
      async hear(arrivals) {
        for (const { topic, payload } of arrivals) {
          if (topic.startsWith(OWN)) continue
          messages++
          if (hearSparkplug(topic, payload)) continue
          const survey = payload.byteLength <= MOST_BYTES ? surveyJson(payload) : null
          if (survey && survey.numbers.length > 0) {
            if (room(json, topic)) json.set(topic, survey)
          } else if (!json.has(topic) && room(others, topic)) others.add(topic)
        }
        if (rebirths) await askUnborn()
        onHeard?.(messages)
      },
    }, { secret })
    await session.subscribe(topics, 0)
    await Promise.race([session.over, sleep(listenMs, undefined, { signal }).catch(() => {})])
  } finally {
    await session?.end()
  }
  return { messages, json, births, unborn: [...nodes].filter(([, { born }]) => !born).map(([key]) => key), others: others.size, truncated }
}
