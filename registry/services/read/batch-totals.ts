import { demand, type Actor } from '../../domain/access/rights.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

/** What came of everything that arrived at a site. `waiting`: landed, or stored with windows still to close. */
export interface BatchTotals {
  readonly batches: number
  readonly waiting: number
  readonly quarantinedBatches: number
  readonly readings: number
  readonly waveforms: number
  readonly repeated: number
  readonly revised: number
  readonly quarantined: number
  readonly windows: number
  readonly scores: number
}

/** Counts over the site's batches (one row for tens of thousands of readings), its windows and its scores. */
export async function batchTotals(ctx: ServiceContext, actor: Actor, { site }: { site: string }): Promise<BatchTotals> {
  demand(actor, 'read', site)
  return inSite(ctx.pool, site, async (tx) => {
    const { rows } = await tx.query<Record<keyof BatchTotals, string | null>>(
      `select count(*) as batches,
              count(*) filter (where state = 'landed' or (state = 'committed' and windows_closed_at is null)) as waiting,
              count(*) filter (where state = 'quarantined') as "quarantinedBatches",
              sum((outcome->>'accepted')::bigint) filter (where state = 'committed' and kind = 'readings') as readings,
              sum((outcome->>'accepted')::bigint) filter (where state = 'committed' and kind = 'waveforms') as waveforms,
              sum((outcome->>'repeated')::bigint) filter (where state = 'committed') as repeated,
              sum((outcome->>'revised')::bigint) filter (where state = 'committed') as revised,
              sum((outcome->>'quarantined')::bigint) filter (where state = 'committed') as quarantined,
              (select count(*) from feature_window w where $1 = '*' or w.site_id = $1) as windows,
              (select count(*) from score s where $1 = '*' or s.site_id = $1) as scores
       from raw_batch where $1 = '*' or site_id = $1`,
      [site],
    )
    const row = rows[0]
    if (!row) throw new Error('an aggregate gives one row')
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value ?? 0)])) as unknown as BatchTotals
  })
}
