import { refuse } from '../../../registry/domain/errors.ts'

/** One step into a JSON value. `each`: every element of an array; `where`: elements (or the object itself) that say so. */
export type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'each' }
  | { readonly kind: 'where'; readonly key: string; readonly equals: string }

export interface JsonPath {
  /** From the message's top, wherever it is looked for. */
  readonly absolute: boolean
  readonly steps: readonly Step[]
}

/** Something found, with the way back to the top: what stands beside it belongs to it. */
export interface Found {
  readonly value: unknown
  readonly parent: Found | null
  /** Which element of the array that an `each` went through; null above the first. */
  readonly nth: number | null
}

const SHAPE = 'write names with dots between, [0] for an element, [*] for each, [name=temp] for those that say so, and quote odd names: ["a.b"]'
const TOKEN = /\.?([^.[\]"\s][^.[\]"]*)|\[(\*)\]|\[(-?\d+)\]|\["([^"]*)"\]|\[(?:"([^"]*)"|([^=\]"]+))=(?:"([^"]*)"|([^\]"]*))\]/y

/** Reads a path as it stands in addresses and in `messages`; '' is the message itself. Refuses (`invalid`) what is none. */
export function parseJsonPath(text: string): JsonPath {
  const absolute = text.startsWith('$')
  const steps: Step[] = []
  let at = absolute ? 1 : 0
  while (at < text.length) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    const [all = '', name, star, index, quoted, quotedKey, key, quotedValue, value] = match ?? []
    // A dot stands between two names, and only there.
    const dotted = all.startsWith('.')
    if (!match || (name !== undefined && dotted !== (at > 0))) refuse('invalid', `"${text}" is no path into JSON: "${text.slice(at)}" is no step; ${SHAPE}`)
    if (name !== undefined) steps.push({ kind: 'key', key: name })
    else if (star !== undefined) steps.push({ kind: 'each' })
    else if (index !== undefined) steps.push({ kind: 'index', index: Number(index) })
    else if (quoted !== undefined) steps.push({ kind: 'key', key: quoted })
    else steps.push({ kind: 'where', key: quotedKey ?? key ?? '', equals: quotedValue ?? value ?? '' })
    at += all.length
  }
  return { absolute, steps }
}

/** What came of more than this many readings in one message is no message. */
export const MOST_FOUND = 100_000

/** All that a path leads to, in the order of the message; nothing when it leads nowhere. Own properties only. */
export function findAll(top: unknown, { steps }: JsonPath): Found[] {
  let found: Found[] = [{ value: top, parent: null, nth: null }]
  for (const step of steps) {
    const next: Found[] = []
    for (const from of found) {
      take(from, step, next)
      if (next.length > MOST_FOUND) throw new Error(`more than ${MOST_FOUND} readings`)
    }
    found = next
  }
  return found
}

function take(from: Found, step: Step, into: Found[]): void {
  const { value, nth } = from
  switch (step.kind) {
    case 'key': {
      const inner = own(value, step.key)
      if (inner !== undefined) into.push({ value: inner, parent: from, nth })
      return
    }
    case 'index': {
      const inner: unknown = Array.isArray(value) ? value.at(step.index) : undefined
      if (inner !== undefined) into.push({ value: inner, parent: from, nth })
      return
    }
    case 'each':
      if (Array.isArray(value)) for (let i = 0; i < value.length && into.length <= MOST_FOUND; i++) into.push({ value: value[i], parent: from, nth: i })
      return
    case 'where':
      if (!Array.isArray(value)) {
        if (says(value, step)) into.push(from)
        return
      }
      value.forEach((inner: unknown, i) => { if (into.length <= MOST_FOUND && says(inner, step)) into.push({ value: inner, parent: from, nth: i }) })
  }
}

/**
 * What stands beside something found: looked for in the object that holds it, then in the one around that, out to the
 * top. So `ts` is the reading's own where it has one, else the message's. `[*]` goes to the element of the same number: values and
 * times in two lists.
 */
export function findBeside(found: Found, { absolute, steps }: JsonPath): unknown {
  for (let scope: Found | null = found; scope !== null; scope = scope.parent) {
    if (absolute && scope.parent !== null) continue
    const value = walk(scope.value, steps, found.nth)
    if (value !== undefined) return value
  }
  return undefined
}

function walk(top: unknown, steps: readonly Step[], nth: number | null): unknown {
  let value = top
  for (const step of steps) {
    if (step.kind === 'key') value = own(value, step.key)
    else if (step.kind === 'where') value = Array.isArray(value) ? value.find((inner: unknown) => says(inner, step)) : says(value, step) ? value : undefined
    else {
      const index = step.kind === 'index' ? step.index : nth
      value = Array.isArray(value) && index !== null ? value.at(index) : undefined
    }
    if (value === undefined) return undefined
  }
  return value
}

function own(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
}

function says(value: unknown, { key, equals }: { readonly key: string; readonly equals: string }): boolean {
  const there = own(value, key)
  return (typeof there === 'string' || typeof there === 'number' || typeof there === 'boolean') && String(there) === equals
}
