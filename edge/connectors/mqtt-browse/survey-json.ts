/** A number found in a message: where, and how it is called. */
export interface FoundNumber {
  /** As an address writes it; '' is the payload itself. */
  readonly path: string
  readonly names: readonly string[]
  readonly waveform: boolean
}

export interface JsonSurvey {
  readonly numbers: readonly FoundNumber[]
  /** Name and form of what looks like the time. */
  readonly time: { readonly at: string; readonly is: 'iso' | 's' | 'ms' | 'us' | 'ns' } | null
  /** Name of what looks like the quality. */
  readonly quality: string | null
}

const DEEP = 6
const MOST = 200
/** A list of plain numbers from so many on is taken for a waveform. */
const WAVEFORM = 16
const TIME = /^(ts|t|time|timestamp|datetime|date_?time|at|time_?stamp|source_?time|sourcetimestamp)$/i
const QUALITY = /^(q|quality|status_?code)$/i
const NAME = /^(name|id|tag|key|sensor|metric|signal)$/i

/** Looks through one message for what could be readings. A guess, for a person to look through. */
export function surveyJson(payload: Uint8Array): JsonSurvey | null {
  let top: unknown
  try {
    top = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch {
    return null
  }
  const numbers: FoundNumber[] = []
  let time: JsonSurvey['time'] = null
  let quality: string | null = null

  function visit(value: unknown, path: string, names: readonly string[], depth: number): void {
    if (numbers.length >= MOST || depth > DEEP) return
    if (typeof value === 'number' || typeof value === 'boolean') {
      numbers.push({ path, names, waveform: false })
    } else if (Array.isArray(value)) visitList(value as unknown[], path, names, depth)
    else if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value)
      for (const [key, inner] of entries) {
        const is = TIME.test(key) ? timeForm(inner) : null
        if (is !== null) time ??= { at: quoted(key), is }
        else if (QUALITY.test(key) && entries.length > 1 && typeof inner !== 'object') quality ??= quoted(key)
        else visit(inner, path === '' ? quoted(key) : joined(path, key), [...names, key], depth + 1)
      }
    }
  }

  function visitList(list: readonly unknown[], path: string, names: readonly string[], depth: number): void {
    const [first] = list
    if (list.length >= WAVEFORM && list.every((inner) => typeof inner === 'number')) numbers.push({ path, names, waveform: true })
    else if (typeof first === 'object' && first !== null && !Array.isArray(first)) {
      const named = Object.entries(first).find(([key, inner]) => NAME.test(key) && typeof inner === 'string')
      if (!named) {
        visit(first, `${path}[*]`, names, depth + 1)
        return
      }
      const [key] = named
      for (const element of list.slice(0, MOST)) {
        const name = (element as Record<string, unknown> | null)?.[key]
        if (typeof name === 'string' && !/["\]]/.test(name)) visit(element, `${path}[${key}=${name}]`, [...names, name], depth + 1)
      }
    } else list.slice(0, MOST).forEach((inner, i) => { visit(inner, `${path}[${i}]`, [...names, String(i)], depth + 1) })
  }

  visit(top, '', [], 0)
  return { numbers, time, quality }
}

const quoted = (key: string) => (/^[^.[\]"\s$][^.[\]"]*$/.test(key) ? key : `["${key}"]`)
const joined = (path: string, key: string) => (quoted(key) === key ? `${path}.${key}` : `${path}${quoted(key)}`)

/** By the size of the number: between the years 2001 and 2286 the four do not overlap. */
function timeForm(value: unknown): 'iso' | 's' | 'ms' | 'us' | 'ns' | null {
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(value) ? 'iso' : null
  if (typeof value !== 'number') return null
  const digits = Math.floor(Math.log10(value)) + 1
  return ({ 10: 's', 13: 'ms', 16: 'us', 19: 'ns' } as const)[digits] ?? null
}
