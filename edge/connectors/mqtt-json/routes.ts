import type { ConnectorTag } from '../kind.ts'
import { parseJsonAddress } from './address.ts'
import { PLAIN, type MessageShape, type MqttJsonConfig } from './config.ts'
import type { JsonPath } from './path.ts'
import { createInstantReader } from './time.ts'
import { covers, matchesFilter } from './topic.ts'

/** One address to be found in a message. */
export interface Route {
  readonly address: string
  readonly kind: 'scalar' | 'waveform'
  readonly path: JsonPath
}

/** All there is to know for reading the messages of one topic. */
export interface TopicPlan {
  readonly routes: readonly Route[]
  readonly shape: MessageShape
  /** null: messages say no time. */
  readonly readTime: ((value: unknown) => number | null) | null
}

export interface Routes {
  /** What to subscribe to; none lies within another. */
  readonly filters: readonly string[]
  /** null: nothing of the topic is mapped. */
  of(topic: string): TopicPlan | null
}

/** Topics under a `+` that are remembered; beyond it the first are found out anew. */
const REMEMBERED = 10_000

export function createRoutes(tags: readonly ConnectorTag[], { messages }: Pick<MqttJsonConfig, 'messages'>): Routes {
  const byTopic = new Map<string, Map<string, Route>>()
  for (const { address, kind } of tags) {
    const { topic, path } = parseJsonAddress(address)
    const routes = byTopic.get(topic) ?? new Map<string, Route>()
    byTopic.set(topic, routes.set(address, { address, kind, path }))
  }
  const filters = [...byTopic.keys()]
  const wild = filters.filter((filter) => filter.includes('+'))
  const plans = new Map<string, TopicPlan | null>()

  function planOf(topic: string): TopicPlan | null {
    const found = [...byTopic.get(topic)?.values() ?? [], ...wild.filter((filter) => matchesFilter(filter, topic)).flatMap((filter) => [...byTopic.get(filter)?.values() ?? []])]
    if (found.length === 0) return null
    const shape = messages.find((message) => matchesFilter(message.topic, topic)) ?? PLAIN
    return { routes: found, shape, readTime: shape.time ? createInstantReader(shape.time) : null }
  }

  return {
    filters: filters.filter((filter) => !filters.some((other) => other !== filter && covers(other, filter))),
    of(topic) {
      const known = plans.get(topic)
      if (known !== undefined) return known
      const [first] = plans.keys()
      if (plans.size >= REMEMBERED && first !== undefined) plans.delete(first)
      const plan = planOf(topic)
      plans.set(topic, plan)
      return plan
    },
  }
}
