import { tellMoved } from './batch-news.ts'
import type { Tx } from './transaction.ts'

/**
 * Lets the windows of a family's stored history be closed once more, for a feature set that did not exist when it came:
 * the dispatcher finds the batches, lanes that are closed stay closed, and only the new set's lanes open. Gives how many
 * batches that is.
 */
export async function reopenWindows(tx: Tx, site: string, family: string): Promise<number> {
  const { rowCount } = await tx.query(
    `update raw_batch b set windows_closed_at = null
     where b.site_id = $1 and b.state = 'committed' and b.windows_closed_at is not null
       and (b.gateway_id, b.epoch, b.lane) in (
         select s.gateway_id, s.epoch, s.lane from asset_source s join asset_version v using (asset_ref)
         where v.site_id = $1 and v.family_id = $2)`,
    [site, family],
  )
  if (rowCount !== null && rowCount > 0) await tellMoved(tx)
  return rowCount ?? 0
}
