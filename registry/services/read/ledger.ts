import { demand, type Actor } from '../../domain/access/rights.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso, isoOrNull } from './rows.ts'

export interface LedgerView {
  readonly id: string
  readonly site: string
  /** Null until the sealer has given it its place: a moment. */
  readonly sequence: number | null
  readonly recordedAt: string
  readonly sealedAt: string | null
  readonly kind: string
  readonly subject: string
  readonly actor: string
  readonly previousHash: string | null
  readonly hash: string | null
  readonly body: unknown
}

/** What was in force when and who allowed it, newest first. `site` may be `*`: each site has a chain of its own. */
export async function listLedger(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; subject?: string | undefined; kind?: string | undefined },
): Promise<Page<LedgerView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<{
    entry_id: string; site_id: string; sequence: string | null; recorded_us: string; sealed_us: string | null; kind: string; subject: string; actor_id: string
    previous_hash: string | null; hash: string | null; body: string
  }>(
    `select e.entry_id, e.site_id, s.sequence, ${timestampToUs('e.recorded_at')} as recorded_us, ${timestampToUs('s.sealed_at')} as sealed_us, e.kind, e.subject,
            e.actor_id, s.previous_hash, s.hash, e.body
     from ledger_entry e left join ledger_seal s using (entry_id)
     where ($1 = '*' or e.site_id = $1) and ($2::text is null or e.subject = $2) and ($3::text is null or e.kind = $3) and ($4::bigint is null or e.entry_id < $4)
     order by e.entry_id desc limit $5`,
    [input.site, input.subject ?? null, input.kind ?? null, before, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row): LedgerView => ({
    id: row.entry_id, site: row.site_id, sequence: row.sequence === null ? null : Number(row.sequence), recordedAt: iso(row.recorded_us), sealedAt: isoOrNull(row.sealed_us),
    kind: row.kind, subject: row.subject, actor: row.actor_id, previousHash: row.previous_hash, hash: row.hash, body: JSON.parse(row.body) as unknown,
  }), (row) => [row.entry_id])
}
