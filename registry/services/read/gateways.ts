import { may, type Actor } from '../../domain/access/rights.ts'
import type { Lane } from '../../domain/contract/batch.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { timestampToUs, toUs, toUsOrNull } from '../../store/sql-time.ts'
import { ALL_SITES, inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export interface GatewayView {
  readonly site: string
  readonly id: string
  readonly firstSeenAt: string
  readonly lastSeenAt: string
  readonly clockSkewUs: number | null
  readonly epochs: readonly {
    readonly epoch: string; readonly lane: Lane; readonly completeThrough: string; readonly lastSequence: number; readonly lastBatchAt: string
  }[]
}

interface Row {
  site_id: string; gateway_id: string; first_us: string; last_us: string; skew: string | null
  epoch: string | null; lane: Lane; through_us: string; last_sequence: string; batch_us: string
}

/** Every gateway of the actor's sites, and how far each of its buffers has come; those heard of last come first. */
export async function listGateways(ctx: ServiceContext, actor: Actor): Promise<GatewayView[]> {
  const sites = actor.sites === '*' ? null : actor.sites.filter((site) => may(actor, 'read', site))
  const rows = await inSite(ctx.pool, ALL_SITES, async (tx) => (await tx.query<Row>(
    `select g.site_id, g.gateway_id, ${timestampToUs('g.first_seen_at')} as first_us, ${timestampToUs('g.last_seen_at')} as last_us,
            g.clock_skew_us as skew, l.epoch, l.lane, ${timestampToUs('l.complete_through')} as through_us, l.last_sequence,
            ${timestampToUs('l.last_batch_at')} as batch_us
     from gateway g left join gateway_lane l using (site_id, gateway_id)
     where $1::text[] is null or g.site_id = any($1)
     order by g.last_seen_at desc, g.site_id, g.gateway_id, l.last_batch_at desc limit 5000`,
    [sites],
  )).rows)
  const gateways = new Map<string, GatewayView & { epochs: GatewayView['epochs'][number][] }>()
  for (const row of rows) {
    const name = `${row.site_id}/${row.gateway_id}`
    const gateway = gateways.get(name) ?? {
      site: row.site_id, id: row.gateway_id, firstSeenAt: microsToIso(toUs(row.first_us)), lastSeenAt: microsToIso(toUs(row.last_us)),
      clockSkewUs: toUsOrNull(row.skew), epochs: [],
    }
    gateways.set(name, gateway)
    if (row.epoch === null) continue
    gateway.epochs.push({
      epoch: row.epoch, lane: row.lane, completeThrough: microsToIso(toUs(row.through_us)), lastSequence: Number(row.last_sequence),
      lastBatchAt: microsToIso(toUs(row.batch_us)),
    })
  }
  return [...gateways.values()]
}
