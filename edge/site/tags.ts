import { checkAgainst, suggest, type Problem } from '../schema-problems.ts'
import { likeSchema, ownTagSchema, type Like, type OwnTag, type SiteHead, type TemplateTag } from './schema.ts'

type Templates = SiteHead['templates']

/** One tag of a source with all that the site file and its templates say of it. */
export interface SiteTag extends Omit<TemplateTag, 'address' | 'name'> {
  readonly tag: string
  readonly asset: string
  readonly address: string
  /** The template it came of, which is the asset's class unless the site file says otherwise. */
  readonly like: string | null
  /** Where the site file speaks of it. */
  readonly path: readonly PropertyKey[]
}

/** The tags of one source, templates filled in. What is wrong goes to `problems`, and what can be read is read. */
export function readTags(entries: readonly unknown[], at: readonly PropertyKey[], templates: Templates | undefined, problems: Problem[]): SiteTag[] {
  return entries.flatMap((entry, index) => {
    const path = [...at, index]
    const isLike = typeof entry === 'object' && entry !== null && 'like' in entry
    if (!isLike) {
      const { data, problems: found } = checkAgainst(ownTagSchema, entry)
      if (found) problems.push(...found.map((problem) => ({ ...problem, path: [...path, ...problem.path] })))
      return data ? [ownTag(data, path)] : []
    }
    const { data, problems: found } = checkAgainst(likeSchema, entry)
    if (found) problems.push(...found.map((problem) => ({ ...problem, path: [...path, ...problem.path] })))
    return data && templates ? likeTags(data, path, templates, problems) : []
  })
}

function ownTag(tag: OwnTag, path: readonly PropertyKey[]): SiteTag {
  const [asset = '', name = ''] = tag.tag.split('/')
  return { ...tag, asset, role: tag.role ?? roleOf(name), like: null, path }
}

const roleOf = (name: string) => name.replaceAll('-', '_')

function likeTags(like: Like, path: readonly PropertyKey[], templates: Templates, problems: Problem[]): SiteTag[] {
  const template = templates[like.like]
  if (!template) {
    problems.push({ path: [...path, 'like'], message: `there is no template "${like.like}"${suggest(like.like, Object.keys(templates)) || '; describe it under templates:'}` })
    return []
  }
  const roles = template.map(({ role }) => role)
  for (const role of Object.keys(like.roles)) {
    if (!roles.includes(role)) problems.push({ path: [...path, 'roles', role], message: `the template "${like.like}" has no such role${suggest(role, roles)}` })
  }
  return template.flatMap((given): SiteTag[] => {
    const own = like.roles[given.role] ?? {}
    if (own === 'none') return []
    // What is stored stays what the template says, whatever this machine's instrument gives.
    const { name = given.role.replaceAll('_', '-'), address, ...fields } = { canonicalUnit: given.unit, ...given, ...own }
    const where = own.address === undefined ? path : [...path, 'roles', given.role]
    if (address === undefined) {
      problems.push({ path, message: `the template "${like.like}" gives ${given.role} no address; add roles: { ${given.role}: { address: … } }, or { ${given.role}: none } if the machine has none` })
      return []
    }
    const known: Record<string, string | number> = { asset: like.asset, role: given.role, tag: name, ...like.with }
    const missing = [...address.matchAll(PLACEHOLDER)].map(([, word = '']) => word).filter((word) => known[word] === undefined)
    if (missing.length > 0) {
      problems.push({ path, message: `the address of ${given.role} is "${address}"; add with: { ${missing.map((word) => `${word}: …`).join(', ')} }` })
      return []
    }
    return [{
      ...fields, tag: `${like.asset}/${name}`, asset: like.asset, like: like.like, path: where,
      address: address.replaceAll(PLACEHOLDER, (_, word: string) => String(known[word])),
    }]
  })
}

const PLACEHOLDER = /\{([A-Za-z]\w*)\}/g
