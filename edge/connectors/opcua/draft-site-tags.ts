import { Document, isMap } from 'yaml'
import { slugSchema } from '../../../registry/domain/contract/primitives.ts'
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
  const taken = new Set<string>()
  const tags = numbers.map((variable) => ({
    tag: unique(tagOf(variable.path), taken),
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

function tagOf(path: readonly string[]): string {
  const [asset = 'asset', name = 'value'] = path.length > 1 ? path.slice(-2) : ['asset', path[0] ?? 'value']
  return `${slug(asset, 'asset')}/${slug(name, 'value')}`
}

/** `MotorTemp °C` → `motor-temp-c`. */
function slug(name: string, otherwise: string): string {
  const text = name.normalize('NFKD').replace(/\p{M}/gu, '').replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()
    .replace(/[^a-z0-9._]+/g, '-').replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '').slice(0, 50)
  return slugSchema.safeParse(text).success ? text : otherwise
}

function unique(tag: string, taken: Set<string>): string {
  let name = tag
  for (let n = 2; taken.has(name); n++) name = `${tag}-${n}`
  taken.add(name)
  return name
}
