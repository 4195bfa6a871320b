import { createStore } from './store.ts'

const query = matchMedia('(prefers-color-scheme: dark)')
/** Whether the browser asks for dark colours: what is drawn on a canvas must be drawn anew when it changes. */
export const scheme = createStore(query.matches)
query.addEventListener('change', () => scheme.set(query.matches))
