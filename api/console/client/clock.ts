import { createStore } from './store.ts'
import type { Zone } from './text/time.ts'

const KEY = 'twinward-zone'
const kept = (): Zone => { try { return localStorage.getItem(KEY) === 'utc' ? 'utc' : 'local' } catch { return 'local' } }

/** The zone in which all times are shown, the reader's choice. */
export const zone = createStore<Zone>(kept())
export function chooseZone(choice: Zone): void {
  try { localStorage.setItem(KEY, choice) } catch { /* a browser without storage forgets the choice */ }
  zone.set(choice)
}

/** Now, for "5 min ago": moves on by itself, also when no data comes. */
export const now = createStore(Date.now())
setInterval(() => now.set(Date.now()), 15_000)
