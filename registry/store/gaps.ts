import type { ArrivedReport } from '../domain/contract/gateway-report.ts'
import { newestOfEach } from './newest-of-each.ts'
import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export type ArrivedGap = ArrivedReport['gaps'][number]

/** Enters gaps into the ledger: a higher revision of one that is there replaces it, a lower or equal one changes nothing. */
export async function putGaps(tx: Tx, site: string, gateway: string, gaps: readonly ArrivedGap[], reportedUs: number): Promise<void> {
  const newest = newestOfEach(gaps)
  if (newest.length === 0) return
  const column = (pick: (gap: ArrivedGap) => unknown): unknown[] => newest.map(pick)
  await tx.query(
    `insert into gap (site_id, gateway_id, gap_id, revision, cause, tag_key, source, from_at, to_at, lost, detail, first_reported_at, last_reported_at)
     select $1, $2, g.gap_id, g.revision, g.cause, g.tag_key, g.source, ${usToTimestamp('g.from_us')}, ${usToTimestamp('g.to_us')}, g.lost, g.detail,
            ${usToTimestamp('$3')}, ${usToTimestamp('$3')}
       from unnest($4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[])
            as g (gap_id, revision, cause, tag_key, source, from_us, to_us, lost, detail)
     on conflict (site_id, gateway_id, gap_id) do update
        set revision = excluded.revision, cause = excluded.cause, tag_key = excluded.tag_key, source = excluded.source, from_at = excluded.from_at,
            to_at = excluded.to_at, lost = excluded.lost, detail = excluded.detail, last_reported_at = excluded.last_reported_at
      where gap.revision < excluded.revision`,
    [site, gateway, reportedUs, column((g) => g.id), column((g) => g.revision), column((g) => g.cause), column((g) => g.tag), column((g) => g.source),
      column((g) => g.fromUs), column((g) => (g.toUs === null ? null : Math.max(g.fromUs, g.toUs))), column((g) => g.lost), column((g) => g.detail)],
  )
}
