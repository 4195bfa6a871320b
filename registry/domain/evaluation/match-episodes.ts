import { byText, type RaisedEpisode } from './fold-columns.ts'

export interface EpisodePair { readonly before: RaisedEpisode; readonly after: RaisedEpisode }

/** What becomes of each alert when another policy (or model) judges the same past; each list by time. */
export interface EpisodeChanges {
  /** Raised by both at the very same window. */
  readonly kept: readonly EpisodePair[]
  /** Raised by both, and open at the same time, but earlier or later. */
  readonly moved: readonly EpisodePair[]
  readonly gained: readonly RaisedEpisode[]
  readonly lost: readonly RaisedEpisode[]
}

/**
 * Pairs the episodes of two runs: same asset, same rule (by its id), open at the same time; one to one, in the order of
 * time. Where one alert becomes two, the second is gained; where two become one, the second is lost.
 */
export function matchEpisodes(before: readonly RaisedEpisode[], after: readonly RaisedEpisode[]): EpisodeChanges {
  const changes = { kept: [] as EpisodePair[], moved: [] as EpisodePair[], gained: [] as RaisedEpisode[], lost: [] as RaisedEpisode[] }
  const [old, next] = [byStream(before), byStream(after)]
  for (const stream of new Set([...old.keys(), ...next.keys()])) {
    const [was, is] = [old.get(stream) ?? [], next.get(stream) ?? []]
    let [i, j] = [0, 0]
    while (i < was.length && j < is.length) {
      const [a, b] = [was[i] as RaisedEpisode, is[j] as RaisedEpisode]
      if (a.raisedUs < endOf(b) && b.raisedUs < endOf(a)) {
        changes[a.raisedUs === b.raisedUs ? 'kept' : 'moved'].push({ before: a, after: b })
        i++
        j++
      } else if (a.raisedUs < b.raisedUs) changes.lost.push(was[i++] as RaisedEpisode)
      else changes.gained.push(is[j++] as RaisedEpisode)
    }
    changes.lost.push(...was.slice(i))
    changes.gained.push(...is.slice(j))
  }
  const inTime = (a: RaisedEpisode, b: RaisedEpisode) => a.raisedUs - b.raisedUs || byText(a.asset, b.asset) || byText(a.rule, b.rule)
  const pairs = (a: EpisodePair, b: EpisodePair) => inTime(a.after, b.after)
  return { kept: changes.kept.sort(pairs), moved: changes.moved.sort(pairs), gained: changes.gained.sort(inTime), lost: changes.lost.sort(inTime) }
}

/** One that was raised by the last window of all is open for that moment. */
const endOf = ({ raisedUs, closedUs }: RaisedEpisode): number => Math.max(closedUs, raisedUs + 1)

/** Episodes come by time, so each stream does. */
function byStream(episodes: readonly RaisedEpisode[]): Map<string, RaisedEpisode[]> {
  const streams = new Map<string, RaisedEpisode[]>()
  for (const episode of episodes) {
    const key = `${episode.asset} ${episode.rule}`
    const stream = streams.get(key)
    if (stream === undefined) streams.set(key, [episode])
    else stream.push(episode)
  }
  return streams
}
