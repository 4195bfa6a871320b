import { readFileSync } from 'node:fs'

export interface MemoryPeak {
  /** Anonymous memory apart: the buffer's file is mapped, and counts as resident where it is only cached. */
  readonly rssAnonMb: number
  readonly rssMb: number
}

const EVERY_MS = 25

/** The most memory this process holds from now to `stop`, looked at often: the kernel keeps no peak of anonymous memory. */
export function watchMemory(): { stop(): MemoryPeak } {
  const peak = { rssAnonMb: 0, rssMb: 0 }
  const look = () => {
    const now = residentMb()
    peak.rssAnonMb = Math.max(peak.rssAnonMb, now.rssAnonMb)
    peak.rssMb = Math.max(peak.rssMb, now.rssMb)
  }
  look()
  const timer = setInterval(look, EVERY_MS)
  return {
    stop() {
      clearInterval(timer)
      look()
      return peak
    },
  }
}

/** Where the kernel does not tell them apart, all resident memory counts as anonymous. */
function residentMb(): MemoryPeak {
  const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
  try {
    const kb = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return { rssAnonMb: kb === undefined ? rssMb : Math.round(Number(kb) / 1024), rssMb }
  } catch {
    return { rssAnonMb: rssMb, rssMb }
  }
}
