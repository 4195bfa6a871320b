import type { Tx } from './transaction.ts'

/**
 * Takes `count` commit numbers of the site and returns the first. Call it last: the site's row stays locked until the
 * transaction ends, which is what makes numbers appear in order.
 */
export async function takeCommitNumbers(tx: Tx, site: string, count: number): Promise<number> {
  const { rows } = await tx.query<{ last_commit: string }>(
    'update site set last_commit = last_commit + $2 where site_id = $1 returning last_commit', [site, count])
  const last = rows[0]
  if (!last) throw new Error(`site ${site} is not there or not visible`)
  return Number(last.last_commit) - count + 1
}
