import { demand, type Actor } from '../../domain/access/rights.ts'
import type { Lane, Mode } from '../../domain/contract/batch.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { timestampToUs, toUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

export interface BatchView {
  readonly id: string
  readonly gateway: string
  readonly epoch: string
  readonly sequence: number
  readonly kind: 'readings' | 'waveforms'
  readonly mode: Mode
  readonly lane: Lane
  readonly digest: string
  readonly mappingDigest: string
  readonly bytes: number
  readonly rows: number
  readonly state: 'landed' | 'committed' | 'quarantined'
  readonly commitNumber: number | null
  readonly createdAt: string
  readonly receivedAt: string
  readonly committedAt: string | null
  readonly windowsClosedAt: string | null
  readonly outcome: unknown
  readonly traceId: string
}

interface Row {
  batch_id: string; gateway_id: string; epoch: string; sequence: string; kind: 'readings' | 'waveforms'; mode: Mode; lane: Lane; digest: string; mapping_digest: string
  bytes: number; row_count: number; state: BatchView['state']; commit_number: string | null; created_us: string; received_us: string
  committed_us: string | null; closed_us: string | null; outcome: unknown; trace_id: string
}

/** What gateways shipped, newest first, and what became of it. */
export async function listBatches(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; gateway?: string | undefined; state?: BatchView['state'] | undefined },
): Promise<Page<BatchView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select batch_id, gateway_id, epoch, sequence, kind, mode, lane, digest, mapping_digest, bytes, row_count, state, commit_number,
            ${timestampToUs('created_at')} as created_us, ${timestampToUs('received_at')} as received_us,
            ${timestampToUs('committed_at')} as committed_us, ${timestampToUs('windows_closed_at')} as closed_us, outcome, trace_id
     from raw_batch
     where site_id = $1 and ($2::text is null or gateway_id = $2) and ($3::text is null or state = $3)
       and ($4::bigint is null or batch_id < $4)
     order by batch_id desc limit $5`,
    [input.site, input.gateway ?? null, input.state ?? null, before, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, viewOf, (row) => [row.batch_id])
}

const iso = (us: string | null): string | null => (us === null ? null : microsToIso(toUs(us)))

const viewOf = (row: Row): BatchView => ({
  id: row.batch_id, gateway: row.gateway_id, epoch: row.epoch, sequence: Number(row.sequence), kind: row.kind, mode: row.mode, lane: row.lane,
  digest: row.digest, mappingDigest: row.mapping_digest, bytes: row.bytes, rows: row.row_count, state: row.state,
  commitNumber: row.commit_number === null ? null : Number(row.commit_number),
  createdAt: microsToIso(toUs(row.created_us)), receivedAt: microsToIso(toUs(row.received_us)),
  committedAt: iso(row.committed_us), windowsClosedAt: iso(row.closed_us), outcome: row.outcome ?? null, traceId: row.trace_id,
})
