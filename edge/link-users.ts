import type { LinkUser } from './uplink.ts'

/** Two that share the uplink's connection; each hears its own topics. */
export const both = (a: LinkUser, b: LinkUser): LinkUser => ({
  hear: { ...a.hear, ...b.hear },
  connected(link) {
    a.connected(link)
    b.connected(link)
  },
  lost(reason) {
    a.lost(reason)
    b.lost(reason)
  },
})
