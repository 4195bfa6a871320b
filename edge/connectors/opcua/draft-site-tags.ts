import { Document, isMap } from 'yaml'
import { createTagNames } from '../draft-names.ts'
import type { BrowsedVariable } from './browse.ts'

export interface Draft {
  /** YAML: one source of a site file, to be looked through by a person. */
  readonly yaml: string
  readonly tags: number
  /** Variables that are no numbers. */
  readonly left: number
}

/**
 * Drafts a source of a site file from what was browsed: the last folder becomes the asset, the variable's name the tag.
 * Where a person must decide (a unit that is not known, a waveform's sample rate), a comment says so.
 */
export function draftSiteTags(variables: readonly BrowsedVariable[], { id, endpoint }: { id: string; endpoint: string }): Draft {
  const numbers = variables.filter(({ isNumber }) => isNumber)
  const nameOf = createTagNames()
  const tags = numbers.map((variable) => ({
    tag: tagOf(variable.path, nameOf),
    address: variable.address,
    ...(variable.isArray && { kind: 'waveform' }),
    unit: variable.unit ?? '1',
    ...(variable.range && { range: variable.range }),
  }))
  const nodes = Object.fromEntries(numbers.filter(({ isArray }) => isArray).map(({ address }) => [address, { sampleRateHz: 1_000 }]))
  const document = new Document([{ id, type: 'opcua', endpoint, ...(Object.keys(nodes).length > 0 && { nodes }), tags }])
  const drafted = document.getIn([0, 'tags']) as { items: unknown[] }
  numbers.forEach(({ unit, unitText, isArray }, i) => {
    const entry = drafted.items[i]
    if (!isMap(entry)) return
    entry.flow = true
    const notes = [
      ...unit === null ? [unitText ? ` the server's unit is "${unitText}": write its UCUM code` : ' the server names no unit'] : [],
      ...isArray ? [' set its sampleRateHz under nodes, or remove it'] : [],
    ]
    if (notes.length > 0) entry.comment = notes.join(';')
  })
  return { yaml: document.toString({ lineWidth: 0, flowCollectionPadding: true }), tags: tags.length, left: variables.length - numbers.length }
}

function tagOf(path: readonly string[], nameOf: (asset: string, name: string) => string): string {
  const [asset = 'asset', name = 'value'] = path.length > 1 ? path.slice(-2) : ['asset', path[0] ?? 'value']
  return nameOf(asset, name)
}
