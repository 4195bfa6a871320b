import { BAD, QUALITY_LEVEL_MASK } from '../registry/domain/contract/quality.ts'
import type { Block } from './raw-entry.ts'
import type { TagMap } from './tag-map.ts'

/** A tag that fell silent, or speaks again. */
export interface PresenceChange {
  readonly address: string
  readonly tag: string
  readonly event: 'silent' | 'back'
  /** Its last reading before; when none ever came, since when it is awaited. Gateway time, UTC microseconds. */
  readonly lastUs: number
}

/** Notices tags that give no reading (a bad one is none) for longer than their `missingAfterSeconds`. */
export interface Presence {
  /** Something was delivered. */
  seen(blocks: readonly Block[], nowUs: number): PresenceChange[]
  /** To be called every second. */
  tick(nowUs: number): PresenceChange[]
  lastReadingUs(): number | null
  silent(): readonly string[]
  /** No tag of the source has spoken for as long as the most patient of them waits. */
  allSilent(nowUs: number): boolean
}

/** Unless the site file says otherwise, a source that is silent for so long holds nobody's windows back. */
const IDLE_US = 60_000_000

export function createPresence(map: TagMap, startedUs: number): Presence {
  const awaited = new Map<string, { tags: string[]; afterUs: number; lastUs: number; silent: boolean }>()
  for (const { address, tag, checks } of map.tags) {
    const afterUs = (checks?.missingAfterSeconds ?? Infinity) * 1e6
    const there = awaited.get(address)
    if (there) {
      there.tags.push(tag)
      there.afterUs = Math.min(there.afterUs, afterUs)
    } else awaited.set(address, { tags: [tag], afterUs, lastUs: startedUs, silent: false })
  }
  let lastReadingUs: number | null = null

  function speaks(address: string, nowUs: number): PresenceChange[] {
    const entry = awaited.get(address)
    if (!entry) return []
    const { lastUs, silent } = entry
    entry.lastUs = nowUs
    entry.silent = false
    lastReadingUs = nowUs
    return silent ? entry.tags.map((tag) => ({ address, tag, event: 'back', lastUs })) : []
  }

  return {
    seen(blocks, nowUs) {
      return blocks.flatMap((block) => {
        if (block.kind === 'waveforms') return block.rows.flatMap(({ address, quality }) => ((quality & QUALITY_LEVEL_MASK) < BAD ? speaks(address, nowUs) : []))
        const heard = new Set<number>()
        for (let i = 0; i < block.address.length; i++) if (((block.quality[i] as number) & QUALITY_LEVEL_MASK) < BAD) heard.add(block.address[i] as number)
        return [...heard].flatMap((index) => speaks(block.addresses[index] ?? '', nowUs))
      })
    },
    tick(nowUs) {
      const changes: PresenceChange[] = []
      for (const [address, entry] of awaited) {
        if (entry.silent || nowUs - entry.lastUs <= entry.afterUs) continue
        entry.silent = true
        for (const tag of entry.tags) changes.push({ address, tag, event: 'silent', lastUs: entry.lastUs })
      }
      return changes
    },
    lastReadingUs: () => lastReadingUs,
    silent: () => [...awaited.values()].filter(({ silent }) => silent).flatMap(({ tags }) => tags),
    allSilent: (nowUs) => [...awaited.values()].every(({ lastUs }) => nowUs - lastUs > IDLE_US),
  }
}
