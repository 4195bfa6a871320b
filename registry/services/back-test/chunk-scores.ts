import { chunkDay, chunkedAssets, noteChunked, packedReleases, scoredDays, settledScoreId, type ScoredDay } from '../../store/score-chunks.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export interface ChunkScoresInput {
  readonly site: string
  /** Called after each transaction; lets others have the machine. */
  readonly rest?: () => Promise<void>
  readonly signal?: AbortSignal
}

/** How far so many assets have come is noted together. */
const ASSETS_AT_ONCE = 100
/** A bound on what one statement sorts. */
const WINDOWS_AT_ONCE = 200_000

/**
 * Packs a site's newest scores into chunks for back-tests, a day of many assets at a time, each in a short transaction: that is the
 * order in which scores lie in the store. How far assets have come is noted last, so that whoever is killed in between does the
 * same days once more. Gives how many days of an asset were packed, and the windows they hold.
 */
export async function chunkScores(ctx: Pick<ServiceContext, 'pool'>, { site, rest, signal }: ChunkScoresInput): Promise<{ days: number; windows: number }> {
  const total = { days: 0, windows: 0 }
  const all = await inSite(ctx.pool, site, (tx) => chunkedAssets(tx, site))
  const packed = all.filter(({ throughId }) => throughId !== null)
  const fresh = all.filter(({ throughId }) => throughId === null)
  for (const assets of [...inGroups(packed), ...inGroups(fresh)]) {
    const assetRefs = assets.map(({ assetRef }) => assetRef)
    let throughId: string | null = null
    for (const assetRef of assetRefs) throughId = earlier(throughId, await inSite(ctx.pool, site, (tx) => settledScoreId(tx, assetRef)))
    if (throughId === null) continue
    const upTo: string = throughId
    const since = assets.reduce<string | null>((least, asset) => earlier(least, asset.throughId), null)
    const days = await inSite(ctx.pool, site, (tx) => scoredDays(tx, assetRefs, since))
    const releases = days.length === 0 ? [] : await inSite(ctx.pool, site, packedReleases)
    for (const part of partsOf(days)) {
      if (signal?.aborted === true) return total
      const day = { assetRefs: part.map(({ assetRef }) => assetRef), dayUs: (part[0] as ScoredDay).dayUs, releases, throughId: upTo }
      total.windows += await inSite(ctx.pool, site, (tx) => chunkDay(tx, site, day))
      total.days += part.length
      await rest?.()
    }
    await inSite(ctx.pool, site, (tx) => noteChunked(tx, site, assetRefs, upTo))
  }
  return total
}

/** The smaller of two ids, which are too large for numbers; null is no bound. */
const earlier = (one: string | null, other: string | null): string | null => (one === null ? other : other === null || BigInt(one) <= BigInt(other) ? one : other)

const inGroups = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / ASSETS_AT_ONCE) }, (_, i) => items.slice(i * ASSETS_AT_ONCE, (i + 1) * ASSETS_AT_ONCE))

/** Days by time, each cut where its assets have more windows than one statement should sort. */
function partsOf(days: readonly ScoredDay[]): ScoredDay[][] {
  const parts: ScoredDay[][] = []
  let windows = 0
  for (const day of days) {
    if (parts.at(-1)?.[0]?.dayUs !== day.dayUs || windows + day.windows > WINDOWS_AT_ONCE) {
      parts.push([])
      windows = 0
    }
    windows += day.windows
    parts.at(-1)?.push(day)
  }
  return parts
}
