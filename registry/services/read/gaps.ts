import { demand, type Actor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { assetRefOf } from './asset-of.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso, isoOrNull } from './rows.ts'

/** One entry of the gap ledger. */
export interface GapView {
  readonly id: string
  readonly gateway: string
  readonly cause: string
  /** Null: all that the source, or the whole gateway, reads. */
  readonly tag: string | null
  readonly source: string | null
  readonly from: string
  /** Null while it goes on. */
  readonly to: string | null
  /** Readings that will never come; null: not known. */
  readonly lost: number | null
  readonly detail: string | null
  readonly revision: number
  readonly firstReportedAt: string
  readonly lastReportedAt: string
}

interface Row {
  entry_id: string; gateway_id: string; cause: string; tag_key: string | null; source: string | null; from_us: string; to_us: string | null; lost: string | null
  detail: string | null; revision: string; first_us: string; last_us: string
}

const SELECT = `select entry_id, gateway_id, cause, tag_key, source, ${timestampToUs('from_at')} as from_us, ${timestampToUs('to_at')} as to_us, lost, detail, revision,
  ${timestampToUs('first_reported_at')} as first_us, ${timestampToUs('last_reported_at')} as last_us from gap_entry`

export interface GapFilter {
  readonly asset?: string | undefined
  readonly tag?: string | undefined
  readonly gateway?: string | undefined
  readonly cause?: string | undefined
  readonly fromUs?: number | undefined
  readonly toUs?: number | undefined
  readonly open?: boolean | undefined
}

/**
 * The gap ledger, by when gaps begin, newest first. Of an asset or a tag: its own gaps and those of whole gateways that
 * feed it. `fromUs` and `toUs` leave out what does not touch them.
 */
export async function listGaps(ctx: ServiceContext, actor: Actor, input: PageInput & GapFilter & { site: string }): Promise<Page<GapView>> {
  demand(actor, 'read', input.site)
  const after = decodeCursor(input.cursor, ['string', 'string', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => {
    const scope = await scopeOf(tx, input)
    return (await tx.query<Row>(
      `${SELECT}
        where site_id = $1 and ($2::text[] is null or tag_key = any($2) or (tag_key is null and gateway_id = any($3::text[])))
          and ($4::text is null or gateway_id = $4) and ($5::text is null or cause = $5)
          and ($6::bigint is null or to_at is null or to_at >= ${usToTimestamp('$6')}) and ($7::bigint is null or from_at < ${usToTimestamp('$7')})
          and ($8::boolean is null or (to_at is null) = $8)
          and ($9::bigint is null or (from_at, gateway_id, entry_id) < (${usToTimestamp('$9')}, $10, $11))
        order by from_at desc, gateway_id desc, entry_id desc limit $12`,
      [input.site, scope?.tags ?? null, scope?.gateways ?? null, input.gateway ?? null, input.cause ?? null, input.fromUs ?? null, input.toUs ?? null,
        input.open ?? null, ...after, input.limit + 1])).rows
  })
  return toPage(rows, input.limit, viewOf, (row) => [row.from_us, row.gateway_id, row.entry_id])
}

/** Ended gaps stay with a twin so long. */
const RECENT_US = 7 * 86_400_000_000
const MOST_OF_A_TWIN = 50

/** What is missing of an asset: open gaps first, then those that ended, or were told of, in the last week. */
export async function gapsOfAsset(tx: Tx, site: string, assetRef: number, nowUs: number): Promise<GapView[]> {
  const { tags, gateways } = await reach(tx, assetRef)
  const { rows } = await tx.query<Row>(
    `${SELECT} where site_id = $1 and (tag_key = any($2) or (tag_key is null and gateway_id = any($3::text[])))
        and (to_at is null or greatest(to_at, last_reported_at) > ${usToTimestamp('$4')})
      order by (to_at is null) desc, from_at desc, entry_id limit ${MOST_OF_A_TWIN}`,
    [site, tags, gateways, nowUs - RECENT_US],
  )
  return rows.map(viewOf)
}

interface Reach { readonly tags: readonly string[]; readonly gateways: readonly string[] }

async function scopeOf(tx: Tx, { site, asset, tag }: GapFilter & { site: string }): Promise<Reach | null> {
  if (tag !== undefined) {
    const { rows } = await tx.query<{ asset_ref: number }>('select asset_ref from tag where site_id = $1 and tag_key = $2', [site, tag])
    // A tag that is not imported has entries too: its rows were set aside.
    if (asset !== undefined && tag.split('/')[0] !== asset) refuse('invalid', `tag ${tag} is not of asset ${asset}; leave one of the two out`, { parameter: 'tag' })
    return { tags: [tag], gateways: rows[0] ? (await reach(tx, rows[0].asset_ref)).gateways : [] }
  }
  return asset === undefined ? null : reach(tx, await assetRefOf(tx, site, asset))
}

/** An asset's tags, and the gateways that feed it or are to. */
async function reach(tx: Tx, assetRef: number): Promise<Reach> {
  const { rows } = await tx.query<{ tags: string[]; gateways: string[] }>(
    `select array(select tag_key from tag where asset_ref = $1) as tags,
            array(select gateway_id from asset_source where asset_ref = $1
                  union select v.provenance->>'gateway' from tag t join tag_version v using (tag_ref)
                         where t.asset_ref = $1 and v.valid @> now() and v.provenance->>'gateway' is not null) as gateways`,
    [assetRef],
  )
  return rows[0] ?? { tags: [], gateways: [] }
}

const viewOf = (row: Row): GapView => ({
  id: row.entry_id, gateway: row.gateway_id, cause: row.cause, tag: row.tag_key, source: row.source, from: iso(row.from_us), to: isoOrNull(row.to_us),
  lost: row.lost === null ? null : Number(row.lost), detail: row.detail, revision: Number(row.revision),
  firstReportedAt: iso(row.first_us), lastReportedAt: iso(row.last_us),
})
