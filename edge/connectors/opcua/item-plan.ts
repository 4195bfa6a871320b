import type { ConnectorTag } from '../kind.ts'
import type { NodeOptions, OpcUaConfig } from './config.ts'

/** What to ask the server to monitor, once per address. */
export interface PlannedItem {
  readonly address: string
  readonly kind: 'scalar' | 'waveform'
  readonly samplingMs: number
  readonly queueSize: number
  readonly deadband: { readonly kind: 'absolute' | 'percent'; readonly value: number } | null
  readonly options: NodeOptions | undefined
}

/** Beyond this a server's memory is at stake; waveforms are large. */
const LONGEST_QUEUE = 1_000
const LONGEST_WAVEFORM_QUEUE = 16

/**
 * One monitored item per address: the fastest sampling and the smallest deadband that one of its tags asks for. The
 * queue holds what is sampled between two publishes, with one to spare.
 */
export function planItems(tags: readonly ConnectorTag[], { publishing, nodes }: OpcUaConfig): PlannedItem[] {
  const byAddress = new Map<string, ConnectorTag[]>()
  for (const tag of tags) byAddress.set(tag.address, [...byAddress.get(tag.address) ?? [], tag])
  return [...byAddress].map(([address, group]) => {
    const kind = group[0]?.kind ?? 'scalar'
    const options = nodes[address]
    const samplingMs = options?.sampling ?? Math.min(...group.map(({ everyMs }) => everyMs ?? publishing))
    const longest = kind === 'waveform' ? LONGEST_WAVEFORM_QUEUE : LONGEST_QUEUE
    const needed = Math.ceil(publishing / Math.max(samplingMs, 1)) + 1
    return { address, kind, samplingMs, queueSize: options?.queueSize ?? Math.min(needed, longest), deadband: deadbandOf(kind, group, options), options }
  })
}

function deadbandOf(kind: PlannedItem['kind'], group: readonly ConnectorTag[], options: NodeOptions | undefined): PlannedItem['deadband'] {
  if (kind === 'waveform') return null
  if (options?.deadbandPercent !== undefined) return options.deadbandPercent > 0 ? { kind: 'percent', value: options.deadbandPercent } : null
  const value = Math.min(...group.map(({ deadband }) => deadband ?? 0))
  return value > 0 ? { kind: 'absolute', value } : null
}

/** Cuts a list to what a server takes in one call; it says 0 when it does not care. */
export function inChunks<T>(list: readonly T[], limit: number, usual = 500): T[][] {
  const size = limit > 0 ? Math.min(limit, usual) : usual
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))
}
