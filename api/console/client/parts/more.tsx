import { useState } from 'preact/hooks'
import type { Page } from '../types.ts'

/** How many pages of a list are shown; begins anew when the list is another one. */
export function usePages(list: string): { count: number; more: () => void } {
  const [state, setState] = useState({ list, count: 1 })
  const count = state.list === list ? state.count : 1
  return { count, more: () => setState({ list, count: count + 1 }) }
}

export function More({ data, onMore }: { data: Page<unknown> | undefined; onMore: () => void }) {
  return data?.nextCursor ? <p class="more"><button type="button" onClick={onMore}>Show older</button></p> : null
}
