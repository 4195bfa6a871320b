import { slugSchema } from '../../registry/domain/contract/primitives.ts'

/** Names for tags of a draft, from what a server calls them; none twice. */
export function createTagNames(): (asset: string, name: string) => string {
  const taken = new Set<string>()
  return (asset, name) => {
    const tag = `${slug(asset, 'asset')}/${slug(name, 'value')}`
    let unique = tag
    for (let n = 2; taken.has(unique); n++) unique = `${tag}-${n}`
    taken.add(unique)
    return unique
  }
}

/** `MotorTemp °C` → `motor-temp-c`. */
function slug(name: string, otherwise: string): string {
  const text = name.normalize('NFKD').replace(/\p{M}/gu, '').replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()
    .replace(/[^a-z0-9._]+/g, '-').replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '').slice(0, 50)
  return slugSchema.safeParse(text).success ? text : otherwise
}
