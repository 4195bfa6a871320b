/** One thing that differs between two JSON documents; null where it is not there. */
export interface Difference { readonly path: string; readonly from: unknown; readonly to: unknown }

/** What differs, leaf by leaf; lists are compared as wholes. */
export function differencesOf(from: unknown, to: unknown, path = ''): Difference[] {
  if (isObject(from) && isObject(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort()
    return keys.flatMap((key) => differencesOf(from[key], to[key], path === '' ? key : `${path}.${key}`))
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from: from ?? null, to: to ?? null }]
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
