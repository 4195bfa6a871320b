import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError } from './api.ts'

export interface Loaded<T> {
  data: T | undefined
  error: ApiError | undefined
  /** When `data` was last known to be so, in milliseconds. */
  at: number | undefined
  reload: () => void
}
interface Kept { text: string; data: unknown; at: number }

/** What was shown last under each key: going back shows it at once, then anew. */
const kept = new Map<string, Kept>()
const MOST_KEPT = 100
export const forgetData = (): void => kept.clear()

/**
 * Loads, and loads again every `everyMs` while the page is visible. A failed refresh keeps the last data on screen
 * beside its error: an operator sees old numbers marked as such rather than nothing. An answer that says the same as
 * the last one is the same object, so that nothing is drawn anew.
 */
export function useData<T>(load: () => Promise<T>, key: string, everyMs = 5_000): Loaded<T> {
  const [state, setState] = useState<{ key: string; error?: ApiError | undefined; at?: number }>({ key })
  const latest = useRef(load)
  latest.current = load
  const wanted = useRef(key)
  wanted.current = key
  const run = useCallback(() => {
    latest.current().then((data) => {
      keep(key, data)
      if (wanted.current === key) setState({ key, at: Date.now() })
    }, (error: unknown) => {
      if (wanted.current === key) setState({ key, error: error instanceof ApiError ? error : new ApiError(0, String(error)) })
    })
  }, [key])
  useEffect(() => {
    run()
    const fresh = () => { if (document.visibilityState === 'visible') run() }
    const timer = setInterval(fresh, everyMs)
    document.addEventListener('visibilitychange', fresh)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', fresh)
    }
  }, [run, everyMs])
  const known = kept.get(key)
  return { data: known?.data as T | undefined, at: known?.at, error: state.key === key ? state.error : undefined, reload: run }
}

function keep(key: string, data: unknown): void {
  const text = JSON.stringify(data) ?? ''
  const before = kept.get(key)
  kept.delete(key)
  kept.set(key, before?.text === text ? { ...before, at: Date.now() } : { text, data, at: Date.now() })
  const oldest = kept.keys().next()
  if (kept.size > MOST_KEPT && !oldest.done) kept.delete(oldest.value)
}
