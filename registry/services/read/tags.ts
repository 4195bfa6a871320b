import { demand, type Actor } from '../../domain/access/rights.ts'
import type { TagChecks } from '../../domain/checks/limits.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { fromUsOf, iso, isoOrNull, toUsOf } from './rows.ts'

export interface TagView {
  readonly tag: string
  readonly asset: string
  readonly component: string | null
  readonly role: string
  readonly kind: 'scalar' | 'waveform'
  readonly unit: string
  readonly canonicalUnit: string
  readonly range: { readonly low: number; readonly high: number } | null
  readonly checks: TagChecks | null
  readonly provenance: unknown
  readonly calibration: unknown
  readonly newestReadingAt: string | null
  readonly validFrom: string
  readonly validTo: string | null
}

interface Row {
  tag_key: string; asset_id: string; component_id: string | null; role: string; kind: 'scalar' | 'waveform'; unit: string; canonical_unit: string
  range_low: number | null; range_high: number | null; checks: TagChecks | null; provenance: unknown; calibration: unknown; newest_us: string | null; from_us: string; to_us: string | null
}

/** Tags as they are measured, or were at an instant, by key. */
export async function listTags(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; asset?: string | undefined; role?: string | undefined; atUs?: number | undefined },
): Promise<Page<TagView>> {
  demand(actor, 'read', input.site)
  const [after] = decodeCursor(input.cursor, ['string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select t.tag_key, a.asset_id, v.component_id, v.role, t.kind, v.unit, v.canonical_unit, v.range_low, v.range_high, v.checks, v.provenance, v.calibration,
            ${timestampToUs('h.t_max')} as newest_us, ${fromUsOf('v.valid')} as from_us, ${toUsOf('v.valid')} as to_us
     from tag t
     join asset a using (asset_ref)
     join tag_version v on v.tag_ref = t.tag_ref and v.valid @> coalesce(${usToTimestamp('$2')}, now())
     left join tag_head h on h.tag_ref = t.tag_ref
     where t.site_id = $1 and ($3::text is null or a.asset_id = $3) and ($4::text is null or v.role = $4) and ($5::text is null or t.tag_key > $5)
     order by t.tag_key limit $6`,
    [input.site, input.atUs ?? null, input.asset ?? null, input.role ?? null, after, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row): TagView => ({
    tag: row.tag_key, asset: row.asset_id, component: row.component_id, role: row.role, kind: row.kind, unit: row.unit,
    canonicalUnit: row.canonical_unit,
    range: row.range_low === null || row.range_high === null ? null : { low: row.range_low, high: row.range_high },
    checks: row.checks ?? null, provenance: row.provenance ?? null, calibration: row.calibration ?? null, newestReadingAt: isoOrNull(row.newest_us),
    validFrom: iso(row.from_us), validTo: isoOrNull(row.to_us),
  }), (row) => [row.tag_key])
}
