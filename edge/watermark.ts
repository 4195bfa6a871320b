import { laneOf, type Lane, type Mode } from '../registry/domain/contract/batch.ts'

/** Claims that have been shipped, by source; plain JSON, kept with the batch that shipped them. */
export type WatermarkState = Readonly<Record<string, number>>

/**
 * The low watermark a batch may promise: up to which time every source of its lane has delivered all, and all of that
 * is in this batch or an earlier one. Batches are cut by kind, so a claim counts only once its own entry and every
 * earlier entry of that source are cut; otherwise a readings batch would promise waveforms that still wait.
 */
export interface Watermark {
  /** Notes a raw entry, in the order of the buffer. `claimUs`: its source is complete through there with it. */
  observe(id: number, source: string, claimUs: number | null): void
  /** Marks entries as going into the batch cut now. */
  cut(ids: readonly number[]): void
  /** The promise for the batch cut now; null as long as some source of the lane has claimed nothing. */
  through(lane: Lane): number | null
  state(): WatermarkState
}

interface Lineup {
  entries: { id: number; claimUs: number | null; cut: boolean }[]
  /** How many entries at the front are cut and accounted for. */
  done: number
  claimedUs: number | null
}

/** @param sources those that run now: one that is configured but silent holds the watermark; one that is gone does not. */
export function createWatermark(sources: readonly { id: string; mode: Mode }[], state: WatermarkState = {}): Watermark {
  const lineups = new Map<string, Lineup>()
  const entryAt = new Map<number, Lineup['entries'][number]>()
  const lineup = (source: string) => {
    let found = lineups.get(source)
    if (!found) {
      found = { entries: [], done: 0, claimedUs: state[source] ?? null }
      lineups.set(source, found)
    }
    return found
  }
  for (const source of Object.keys(state)) lineup(source)

  return {
    observe(id, source, claimUs) {
      const entry = { id, claimUs, cut: false }
      lineup(source).entries.push(entry)
      entryAt.set(id, entry)
    },
    cut(ids) {
      for (const id of ids) {
        const entry = entryAt.get(id)
        if (entry) entry.cut = true
        entryAt.delete(id)
      }
      for (const line of lineups.values()) settle(line)
    },
    through(lane) {
      let low: number | null = Infinity
      for (const { id, mode } of sources) {
        if (laneOf(mode) !== lane) continue
        const claimed = lineup(id).claimedUs
        if (claimed === null) return null
        low = Math.min(low, claimed)
      }
      return low === Infinity ? null : low
    },
    state: () => Object.fromEntries([...lineups].flatMap(([source, { claimedUs }]) => (claimedUs === null ? [] : [[source, claimedUs]]))),
  }
}

function settle(line: Lineup): void {
  for (let entry = line.entries[line.done]; entry?.cut; entry = line.entries[line.done]) {
    // A source that goes back on its word (its clock was set back) does not take a promise back that has been shipped.
    if (entry.claimUs !== null) line.claimedUs = Math.max(line.claimedUs ?? -Infinity, entry.claimUs)
    line.done++
  }
  if (line.done > 1024 && line.done * 2 > line.entries.length) {
    line.entries.splice(0, line.done)
    line.done = 0
  }
}
