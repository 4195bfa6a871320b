import { laneOf } from '../../registry/domain/contract/batch.ts'
import { createClaims, type ActiveSource, type ClaimState } from '../claims.ts'
import { createGathering, type Gathering, type ShapedPart } from '../gather.ts'
import type { Normaliser } from '../normalise.ts'
import type { RawBlock } from '../raw-entry.ts'
import type { ShapeState } from '../shape.ts'
import type { TagReadings, TagWaveform } from './recent-readings.ts'

/** What would ship of what came, and up to when every source has delivered all of it. */
export interface Fed {
  readonly readings: readonly TagReadings[]
  readonly waveforms: readonly TagWaveform[]
  /** Null: some source has promised nothing yet. */
  readonly completeThroughUs: number | null
}

/** Plain JSON, to be kept with what was judged by it. */
export interface FeedState { readonly claims: ClaimState; readonly shape: ShapeState }

/** Turns what is on disk into what the platform will get of it, by the cutter's own code. */
export interface JudgeFeed {
  take(blocks: readonly RawBlock[]): void
  /** Something has been taken since the last {@link flush}. */
  waits(): boolean
  /** @param tags those that somebody judges by */
  flush(tags: ReadonlySet<string>): Fed
  state(): FeedState
}

export interface JudgeFeedOptions {
  readonly sources: () => readonly ActiveSource[]
  readonly normaliser: (mapDigest: string) => Normaliser | undefined
  readonly state?: FeedState | undefined
}

const NO_LIMIT = { rows: Infinity, samples: Infinity }

/**
 * It goes by what sources deliver rather than by the queue: while the connection is away the queue is not cut any
 * further, and that is when judging here counts most.
 */
export function createJudgeFeed({ sources, normaliser, state }: JudgeFeedOptions): JudgeFeed {
  const claims = createClaims(sources, state?.claims)
  const shape: ShapeState = structuredClone(state?.shape ?? {})
  let taken: RawBlock[] = []

  function gather(tags: ReadonlySet<string>): Gathering {
    const gathering = createGathering({ limits: NO_LIMIT, claims, shape, only: tags, watchers: () => new Map<string, never>() })
    for (const block of taken) {
      const by = normaliser(block.mapDigest)
      // A tag map is on disk before its first reading.
      if (by === undefined) throw new Error(`the tag map ${block.mapDigest} of ${block.source} is not in the buffer`)
      if (by.tags.some((tag) => tags.has(tag))) gathering.add(block, block.mode, by)
      else claims.observe('live', block.source, block.completeThroughUs)
    }
    taken = []
    return gathering
  }

  return {
    take(blocks) {
      // History calls nobody, here as on the platform.
      for (const block of blocks) if (laneOf(block.mode) === 'live') taken.push(block)
    },
    waits: () => taken.length > 0,
    flush(tags) {
      const { parts, observe } = gather(tags).shape()
      observe([])
      return { readings: parts.flatMap(readingsOf), waveforms: parts.flatMap((part) => (part.kind === 'waveforms' ? part.rows : [])), completeThroughUs: claims.through('live') }
    },
    state: () => ({ claims: claims.state(), shape }),
  }
}

/** One run a tag; rows stand by tag and time. */
function readingsOf(part: ShapedPart): TagReadings[] {
  if (part.kind !== 'readings') return []
  const { tags, tag, sourceUs, value, quality } = part.columns
  const runs: TagReadings[] = []
  for (let from = 0; from < tag.length;) {
    const index = tag[from] as number
    let to = from + 1
    while (to < tag.length && tag[to] === index) to++
    runs.push({ tag: tags[index] as string, timesUs: sourceUs.subarray(from, to), values: value.subarray(from, to), quality: quality.subarray(from, to) })
    from = to
  }
  return runs
}
