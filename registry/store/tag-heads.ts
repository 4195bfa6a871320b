import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/**
 * Locks the heads of these tags and returns their newest reading times; a tag never stored before has none. While the
 * lock is held nobody else stores readings of them, so what is found to overlap stays all there is. Heads are always
 * locked in the order of the tags, so that two groups cannot lock each other out.
 */
export async function lockTagHeads(tx: Tx, site: string, tagRefs: readonly number[]): Promise<Map<number, number>> {
  const ordered = [...new Set(tagRefs)].sort((a, b) => a - b)
  if (ordered.length === 0) return new Map()
  // '-infinity' marks a head that is only there to be locked.
  await tx.query(
    `insert into tag_head (site_id, tag_ref, t_max) select $1, t, '-infinity' from unnest($2::integer[]) with ordinality as u (t, i) order by i
     on conflict do nothing`, [site, ordered])
  const { rows } = await tx.query<{ tag_ref: number; us: string }>(
    `select tag_ref, ${timestampToUs("nullif(t_max, '-infinity')")} as us from tag_head
      where tag_ref = any($1::integer[]) order by tag_ref for update`, [ordered])
  return new Map(rows.filter((row) => row.us !== null).map((row) => [row.tag_ref, toUs(row.us)]))
}

/**
 * Moves heads on to newer times; never back. `longest` is the time from first to last reading of the longest chunk now
 * stored of a tag: reads look back no further than that.
 */
export async function raiseTagHeads(tx: Tx, newest: ReadonlyMap<number, number>, longest: ReadonlyMap<number, number>): Promise<void> {
  if (newest.size === 0) return
  const tagRefs = [...newest.keys()]
  await tx.query(
    `update tag_head h set t_max = greatest(h.t_max, ${usToTimestamp('n.us')}), longest_us = greatest(h.longest_us, n.longest)
       from unnest($1::integer[], $2::bigint[], $3::bigint[]) as n (tag_ref, us, longest) where h.tag_ref = n.tag_ref`,
    [tagRefs, [...newest.values()], tagRefs.map((tagRef) => longest.get(tagRef) ?? 0)],
  )
}
