import { refuse } from '../../../registry/domain/errors.ts'
import { parseJsonPath, type JsonPath } from './path.ts'
import { isTopicFilter } from './topic.ts'

export interface JsonAddress {
  /** `+` in it stands for any one level. */
  readonly topic: string
  readonly path: JsonPath
}

/**
 * Reads `topic` (the payload is the value) or `topic#path` (the value stands within). `#` is the one character that no
 * topic has. Refuses (`invalid`, with the cure) all else.
 */
export function parseJsonAddress(text: string): JsonAddress {
  const bad = (why: string): never => refuse('invalid', `MQTT address "${text}": ${why}; write topic#path, e.g. plant/pump-1/data#motor.temp, or the topic alone where the payload is the number`)
  const at = text.indexOf('#')
  const topic = at < 0 ? text : text.slice(0, at)
  if (topic === '' || topic.endsWith('/')) return bad(at > 0 && topic.endsWith('/') ? 'the topic ends with "/"; "#" is no wildcard here, it begins the path' : 'the topic is missing')
  if (!isTopicFilter(topic)) return bad('"+" stands for one whole level of the topic')
  const rest = at < 0 ? '' : text.slice(at + 1)
  if (at >= 0 && rest === '') return bad('there is nothing behind "#"')
  const path = parseJsonPath(rest)
  if (path.absolute) return bad('a path begins at the top of the message anyway; leave out "$"')
  return { topic, path }
}
