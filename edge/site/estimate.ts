import type { SiteFile } from './site-file.ts'
import type { SiteTag } from './tags.ts'

export interface SourceEstimate {
  readonly id: string
  readonly type: string
  readonly tags: number
  readonly waveforms: number
  /** Readings a second of the tags that say `every`, and those that do not. */
  readonly readingsPerSec: number
  readonly atSourcesPace: number
  /** At the most, after the rules of `ship`. */
  readonly shippedPerSec: number
}

/** What of a site file will come each second, as far as it says. */
export function estimateSite({ plan, tags }: SiteFile): SourceEstimate[] {
  return plan.sources.map(({ id, kind }) => {
    const own = tags.filter(({ source }) => source === id)
    const scalars = own.filter((tag) => tag.kind !== 'waveform')
    const sum = (rate: (tag: SiteTag) => number) => Number(scalars.reduce((total, tag) => total + rate(tag), 0).toPrecision(4))
    return {
      id, type: kind.type, tags: own.length, waveforms: own.length - scalars.length,
      readingsPerSec: sum(readPerSec), atSourcesPace: own.filter(({ every }) => every === undefined).length, shippedPerSec: sum(shippedPerSec),
    }
  })
}

const readPerSec = ({ every }: SiteTag) => (every === undefined ? 0 : 1000 / every)

function shippedPerSec(tag: SiteTag): number {
  const { ship = 'all' } = tag
  if (ship === 'all' || 'onChange' in ship) return readPerSec(tag)
  if ('around' in ship) return 0
  const shipped = 1000 / ('every' in ship ? ship.every : ship.aggregate.every)
  return tag.every === undefined ? shipped : Math.min(shipped, readPerSec(tag))
}

/** On the disk, head and all, at a few dozen readings an entry; the buffer's cap counts bytes. */
export const BYTES_A_READING = 24
