import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { timestampToUs, toUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

export interface QuarantineView {
  readonly id: string
  readonly gateway: string
  readonly epoch: string | null
  readonly sequence: number | null
  /** Null: the whole batch. */
  readonly tag: string | null
  readonly code: string
  readonly reason: string
  readonly rowCount: number
  readonly firstTime: string | null
  readonly lastTime: string | null
  readonly sample: unknown
  readonly digest: string
  readonly objectKey: string | null
  readonly at: string
}

interface Row {
  quarantine_id: string; gateway_id: string; epoch: string | null; sequence: string | null; tag_key: string | null; code: string; reason: string
  row_count: number; first_us: string | null; last_us: string | null; sample: unknown; digest: string; object_key: string | null; at_us: string
}

/** What was set aside and why, newest first; the bytes stay in the object store under their key. */
export async function listQuarantine(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; gateway?: string | undefined; tag?: string | undefined; code?: string | undefined },
): Promise<Page<QuarantineView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select quarantine_id, gateway_id, epoch, sequence, tag_key, code, reason, row_count, ${timestampToUs('first_time')} as first_us,
            ${timestampToUs('last_time')} as last_us, sample, digest, object_key, ${timestampToUs('at')} as at_us
     from quarantine
     where site_id = $1 and ($2::text is null or gateway_id = $2) and ($3::text is null or tag_key = $3) and ($4::text is null or code = $4)
       and ($5::bigint is null or quarantine_id < $5)
     order by quarantine_id desc limit $6`,
    [input.site, input.gateway ?? null, input.tag ?? null, input.code ?? null, before, input.limit + 1],
  )).rows)
  const iso = (us: string | null) => (us === null ? null : microsToIso(toUs(us)))
  return toPage(rows, input.limit, (row): QuarantineView => ({
    id: row.quarantine_id, gateway: row.gateway_id, epoch: row.epoch, sequence: row.sequence === null ? null : Number(row.sequence),
    tag: row.tag_key, code: row.code, reason: row.reason, rowCount: row.row_count, firstTime: iso(row.first_us), lastTime: iso(row.last_us),
    sample: row.sample ?? null, digest: row.digest, objectKey: row.object_key, at: microsToIso(toUs(row.at_us)),
  }), (row) => [row.quarantine_id])
}
