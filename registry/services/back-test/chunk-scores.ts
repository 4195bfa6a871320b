import { chunkDay, chunkedAssets, daysScoredSince, noteChunked, scoredDays, settledScoreId } from '../../store/score-chunks.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export interface ChunkScoresInput {
  readonly site: string
  /** Called after each transaction; lets others have the machine. */
  readonly rest?: () => Promise<void>
  readonly signal?: AbortSignal
}

/**
 * Packs a site's newest scores into chunks for back-tests, a day of an asset at a time, each in a short transaction. How
 * far an asset has come is noted last, so that whoever is killed in between does the same days once more.
 */
export async function chunkScores(ctx: Pick<ServiceContext, 'pool'>, { site, rest, signal }: ChunkScoresInput): Promise<{ days: number; windows: number }> {
  const total = { days: 0, windows: 0 }
  const assets = await inSite(ctx.pool, site, (tx) => chunkedAssets(tx, site))
  const settled = new Map<number, string>()
  for (const { assetRef } of assets) settled.set(assetRef, await inSite(ctx.pool, site, (tx) => settledScoreId(tx, assetRef)))
  const before = assets.flatMap(({ assetRef, throughId }) => (throughId === null ? [] : [{ assetRef, throughId }]))
  const earliest = before.reduce<string | null>((least, { throughId }) => (least === null || BigInt(throughId) < BigInt(least) ? throughId : least), null)
  const newDays = earliest === null ? new Map<number, number[]>() : await inSite(ctx.pool, site, (tx) => daysScoredSince(tx, before.map(({ assetRef }) => assetRef), earliest))
  for (const { assetRef, throughId } of assets) {
    const days = throughId === null ? await inSite(ctx.pool, site, (tx) => scoredDays(tx, assetRef)) : newDays.get(assetRef) ?? []
    const upTo = settled.get(assetRef) as string
    for (const day of days) {
      if (signal?.aborted === true) return total
      total.windows += await inSite(ctx.pool, site, (tx) => chunkDay(tx, site, assetRef, day, upTo))
      total.days++
      await rest?.()
    }
    await inSite(ctx.pool, site, (tx) => noteChunked(tx, site, assetRef, upTo))
  }
  return total
}
