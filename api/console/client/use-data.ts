import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError } from './api.ts'

export interface Loaded<T> { data: T | undefined; error: ApiError | undefined; reload: () => void }

/**
 * Loads, and loads again every `everyMs` while the page is visible. A failed refresh keeps the last data on screen
 * beside its error: an operator sees old numbers marked as such rather than nothing.
 */
export function useData<T>(load: () => Promise<T>, key: string, everyMs = 5_000): Loaded<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: ApiError }>({ key })
  const latest = useRef(load)
  latest.current = load
  const run = useCallback(() => {
    latest.current().then(
      (data) => setState({ key, data }),
      (error: unknown) => setState((old) => ({ ...(old.key === key ? old : { key }), error: error instanceof ApiError ? error : new ApiError(0, String(error)) })),
    )
  }, [key])
  useEffect(() => {
    run()
    const timer = setInterval(() => { if (document.visibilityState === 'visible') run() }, everyMs)
    return () => clearInterval(timer)
  }, [run, everyMs])
  const current = state.key === key ? state : undefined
  return { data: current?.data, error: current?.error, reload: run }
}
