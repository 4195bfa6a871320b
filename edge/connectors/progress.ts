/**
 * Up to which source time all has come, where nobody says so: readings of one topic (or edge node) come about in the order
 * of their times, so what is `latenessUs` older than its newest reading has come. The slowest of those that speak counts; who is silent holds nobody
 * up. What comes later still is taken all the same. (Watermarks of bounded disorder, as in Akidau et al., 2015.)
 */
export interface Progress {
  note(key: string, sourceUs: number, atMs: number): void
  /** undefined: nothing can be said. */
  throughUs(nowUs: number, atMs: number): number | undefined
  /**
   * From when on something may be missing that did not come before now: behind the newest reading, of one key or of the slowest
   * that speaks, but no further back than readings come late.
   */
  missingFromUs(nowUs: number, atMs: number, key?: string): number
}

const IDLE_MS = 30_000
/** Topics by wildcard may come and go without end; of more than these the longest silent are forgotten. */
const MOST_KEYS = 10_000
/** So many at a time: a map finds its oldest key only behind the places of all that were removed before it. */
const SPARE_KEYS = 1_000

export function createProgress(latenessUs: number): Progress {
  const newest = new Map<string, { us: number; atMs: number }>()
  return {
    note(key, sourceUs, atMs) {
      const before = newest.get(key)
      // In the order of who spoke last.
      newest.delete(key)
      newest.set(key, { us: Math.max(before?.us ?? -Infinity, sourceUs), atMs })
      if (newest.size <= MOST_KEYS + SPARE_KEYS) return
      for (const longestSilent of newest.keys()) {
        if (newest.size <= MOST_KEYS) break
        newest.delete(longestSilent)
      }
    },
    throughUs(nowUs, atMs) {
      const us = slowestUs(nowUs, atMs)
      return us === undefined ? undefined : us - latenessUs
    },
    missingFromUs(nowUs, atMs, key) {
      const us = key === undefined ? slowestUs(nowUs, atMs) : newest.get(key)?.us
      return Math.max(nowUs - latenessUs, Math.min(us ?? nowUs, nowUs))
    },
  }

  function slowestUs(nowUs: number, atMs: number): number | undefined {
    // A clock that is ahead promises nothing about the others.
    let slowest = nowUs
    let speaking = 0
    for (const { us, atMs: heardMs } of newest.values()) {
      if (atMs - heardMs > IDLE_MS) continue
      speaking++
      slowest = Math.min(slowest, us)
    }
    return speaking === 0 ? undefined : slowest
  }
}
