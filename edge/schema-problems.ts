import { z } from 'zod'

/** A mistake in a document: where, and what to write instead. */
export interface Problem {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

export type Checked<T> = { readonly data: T; readonly problems?: undefined } | { readonly data?: undefined; readonly problems: readonly Problem[] }

/** Checks a document against a schema; mistakes come in the words of whoever writes such documents, with the keys there are. */
export function checkAgainst<T>(schema: z.ZodType<T>, value: unknown): Checked<T> {
  const result = schema.safeParse(value, { error: (issue) => wordsFor(issue) })
  if (result.success) return { data: result.data }
  return { problems: result.error.issues.flatMap((issue) => flatten(issue, [], schema)) }
}

type Issue = z.core.$ZodIssue
type Schema = z.core.$ZodType

function wordsFor(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') return issue.input === undefined ? 'is missing' : `must be ${KINDS[issue.expected] ?? `a ${issue.expected}`}`
  if (issue.code === 'invalid_value') return issue.input === undefined ? `is missing; write ${either(issue.values.map(String))}` : `write ${either(issue.values.map(String))}`
  return undefined
}

const KINDS: Readonly<Record<string, string>> = { object: 'a group of keys', array: 'a list', int: 'a whole number', record: 'a group of keys' }
const either = (words: readonly string[]) => (words.length === 1 ? words[0] ?? '' : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`)

function flatten(issue: Issue, before: readonly PropertyKey[], schema: Schema): Problem[] {
  const path = [...before, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(at(schema, path))
    return issue.keys.map((key) => ({ path: [...path, key], message: `there is no such key${suggest(key, known)}` }))
  }
  if (issue.code === 'invalid_union') {
    // Of several shapes, the one that fits but for details deep within is the one that was meant.
    const branches = issue.errors.map((issues) => ({ issues, depth: Math.min(...issues.map((inner) => (inner.code === 'unrecognized_keys' ? 0 : inner.path.length))) }))
    const meant = branches.reduce<typeof branches[number] | undefined>((best, branch) => (branch.depth > (best?.depth ?? 0) ? branch : best), undefined)
    if (meant) return meant.issues.flatMap((inner) => flatten(inner, path, schema))
  }
  const description = issue.message === 'is missing' ? at(schema, path)?.description : undefined
  return [{ path, message: description === undefined ? issue.message : `${issue.message}: ${description}` }]
}

/** What a schema says of a place in its document, as far as it can be followed without a document. */
function at(schema: Schema, path: readonly PropertyKey[]): (Schema & { description?: string }) | undefined {
  let here: Schema | undefined = schema
  for (const part of path) {
    here = here && step(bare(here), part)
    if (!here) return undefined
  }
  return here
}

function step(schema: Schema, part: PropertyKey): Schema | undefined {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<PropertyKey, Schema>)[part]
  if (schema instanceof z.ZodArray) return schema.element
  if (schema instanceof z.ZodRecord) return schema.valueType
  if (schema instanceof z.ZodUnion) return schema.options.map((option) => step(bare(option), part)).find((found) => found !== undefined)
  return undefined
}

function bare(schema: Schema): Schema {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodNullable) return bare(schema.def.innerType)
  if (schema instanceof z.ZodPipe) return bare(schema.def.in)
  return schema
}

function keysOf(schema: Schema | undefined): string[] {
  const found = schema && bare(schema)
  if (found instanceof z.ZodObject) return Object.keys(found.shape)
  if (found instanceof z.ZodUnion) return found.options.flatMap((option) => keysOf(option))
  return []
}

/** `; did you mean "x"?`, else `; there are: …`. */
export function suggest(word: string, known: readonly string[]): string {
  const near = known.map((key) => ({ key, far: distance(word.toLowerCase(), key.toLowerCase()) })).sort((a, b) => a.far - b.far)[0]
  const meant = near && near.far <= Math.ceil(near.key.length / 3) ? near.key : known.find((key) => word.length > 2 && key.startsWith(word))
  if (meant !== undefined) return `; did you mean "${meant}"?`
  return known.length > 0 ? `; there are: ${known.slice(0, 30).join(', ')}` : ''
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
