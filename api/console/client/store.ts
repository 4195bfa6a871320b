import { useEffect, useState } from 'preact/hooks'

export interface Store<T> { get: () => T; set: (value: T) => void; use: () => T }

/** One value that several parts of the page show, all at once when it changes. */
export function createStore<T>(first: T): Store<T> {
  let value = first
  const watchers = new Set<(value: T) => void>()
  return {
    get: () => value,
    set: (next) => {
      value = next
      for (const watch of watchers) watch(next)
    },
    use: () => {
      const [shown, show] = useState(value)
      useEffect(() => {
        show(value)
        watchers.add(show)
        return () => { watchers.delete(show) }
      }, [])
      return shown
    },
  }
}
