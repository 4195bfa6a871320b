import type { ConnectorTag } from '../kind.ts'
import { parseSparkplugAddress } from './address.ts'

/** One edge node of which something is mapped. */
export interface NodeTags {
  readonly group: string
  readonly node: string
  /** Addresses by the metric's name, of each device; '' holds those of the node itself. */
  readonly scopes: ReadonlyMap<string, ReadonlyMap<string, string>>
  readonly devices: ReadonlySet<string>
  readonly addresses: readonly string[]
}

export const nodeKey = (group: string, node: string) => `${group}/${node}`

export function tagsByNode(tags: readonly ConnectorTag[]): Map<string, NodeTags> {
  const scopesOf = new Map<string, Map<string, Map<string, string>>>()
  const names = new Map<string, { group: string; node: string }>()
  for (const { address } of tags) {
    const { group, node, device, metric } = parseSparkplugAddress(address)
    const key = nodeKey(group, node)
    names.set(key, { group, node })
    const scopes = scopesOf.get(key) ?? new Map<string, Map<string, string>>()
    scopesOf.set(key, scopes)
    const scope = scopes.get(device ?? '') ?? new Map<string, string>()
    scopes.set(device ?? '', scope.set(metric, address))
  }
  return new Map([...names].map(([key, name]) => {
    const scopes = scopesOf.get(key) ?? new Map<string, Map<string, string>>()
    return [key, {
      ...name, scopes,
      devices: new Set([...scopes.keys()].filter((device) => device !== '')),
      addresses: [...scopes.values()].flatMap((scope) => [...scope.values()]),
    }]
  }))
}
