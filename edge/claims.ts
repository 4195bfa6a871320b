import { laneOf, type Lane, type Mode } from '../registry/domain/contract/batch.ts'

/** Up to where each source has said that all is delivered, by lane, of what has been cut; plain JSON, kept with the cut. */
export type ClaimState = Readonly<Record<Lane, Readonly<Record<string, number>>>>

/** A source that runs now; `silent`: it says nothing at present, and holds nobody back. */
export interface ActiveSource {
  readonly id: string
  readonly mode: Mode
  readonly silent?: boolean
}

/**
 * The low watermark a batch may promise (Akidau et al., The Dataflow Model, 2015): up to which time every source of its
 * lane has delivered all, and all of that is in this cut or an earlier one. A cut takes everything that was read of its
 * stream, so a claim holds as soon as its own entry is cut.
 */
export interface Claims {
  /** Notes what an entry claims when it is taken into the cut. */
  observe(lane: Lane, source: string, claimUs: number | null): void
  /** The promise for all that has been observed; null as long as some source of the lane has claimed nothing. */
  through(lane: Lane): number | null
  state(): ClaimState
}

/** @param sources those that run now: one that is configured and claims nothing holds the promise; one that is gone or silent does not. */
export function createClaims(sources: () => readonly ActiveSource[], state?: ClaimState): Claims {
  const claimed: Record<Lane, Map<string, number>> = {
    live: new Map(Object.entries(state?.live ?? {})), backfill: new Map(Object.entries(state?.backfill ?? {})),
  }
  return {
    observe(lane, source, claimUs) {
      // A source that goes back on its word (its clock was set back) does not take a promise back that has been shipped.
      if (claimUs !== null) claimed[lane].set(source, Math.max(claimed[lane].get(source) ?? -Infinity, claimUs))
    },
    through(lane) {
      const claims = claimed[lane]
      const regular = sources().filter(({ mode, silent }) => laneOf(mode) === lane && silent !== true)
      // What live sources send in the backfill lane (history, an outage's readings) is promised by what they have claimed there.
      const waited = regular.length > 0 ? regular.map(({ id }) => claims.get(id)) : [...claims.values()]
      if (waited.length === 0 || waited.includes(undefined)) return null
      return Math.min(...(waited as number[]))
    },
    state: () => ({ live: Object.fromEntries(claimed.live), backfill: Object.fromEntries(claimed.backfill) }),
  }
}
