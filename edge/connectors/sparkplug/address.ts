import { refuse } from '../../../registry/domain/errors.ts'

export interface SparkplugAddress {
  readonly group: string
  readonly node: string
  /** null: a metric of the edge node itself. */
  readonly device: string | null
  readonly metric: string
}

/**
 * Reads `group/node#metric` or `group/node/device#metric`. The `#` is the one character that no identifier may have
 * (tck-id-topic-structure), while metric names have slashes of their own. Refuses (`invalid`, with the cure) all else.
 */
export function parseSparkplugAddress(text: string): SparkplugAddress {
  const bad = (why: string): never => refuse('invalid', `Sparkplug address "${text}": ${why}; write group/node#metric or group/node/device#metric, e.g. plant-a/press-4/hydraulics#Oil/Temperature`)
  const at = text.indexOf('#')
  if (at < 0) return bad('there is no "#" before the metric\'s name')
  const metric = text.slice(at + 1)
  if (metric === '') return bad('the metric\'s name is missing')
  const [group = '', node = '', device = null, ...more] = text.slice(0, at).split('/')
  if (group === '' || node === '' || device === '' || more.length > 0) return bad('before "#" stand the group, the edge node and, for a device, its id')
  if (text.slice(0, at).includes('+')) return bad('an address names one metric; "+" is no wildcard here')
  return { group, node, device, metric }
}

export type SparkplugTopic =
  | { readonly kind: 'node'; readonly group: string; readonly node: string; readonly device: string | null; readonly type: 'birth' | 'data' | 'death' }
  | { readonly kind: 'state'; readonly host: string }

const TYPES: Readonly<Record<string, readonly ['birth' | 'data' | 'death', boolean]>> = {
  NBIRTH: ['birth', false], NDATA: ['data', false], NDEATH: ['death', false], DBIRTH: ['birth', true], DDATA: ['data', true], DDEATH: ['death', true],
}

/** What a topic says; null for what a host has no use of (commands, other namespaces). */
export function parseTopic(topic: string): SparkplugTopic | null {
  const [namespace, group = '', word = '', node = '', device, ...more] = topic.split('/')
  if (namespace !== 'spBv1.0' || more.length > 0) return null
  if (group === 'STATE') return word !== '' && node === '' ? { kind: 'state', host: word } : null
  const [type, ofDevice] = Object.hasOwn(TYPES, word) ? TYPES[word] ?? [] : []
  if (type === undefined || group === '' || node === '' || ofDevice !== (device !== undefined) || device === '') return null
  return { kind: 'node', group, node, device: device ?? null, type }
}
