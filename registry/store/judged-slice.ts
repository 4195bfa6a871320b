import type { LabelledSpan } from '../domain/evaluation/compare-runs.ts'
import type { Scope } from './assignments.ts'
import { timestampToUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** A machine that a change would judge, and whose alerts it would raise: the machine's owner, else the family's. */
export interface SliceAsset { readonly assetRef: number; readonly assetId: string; readonly owner: string | null }

/** Assets that stand, or stood, in a family, as far as the scope reaches; by their ids. */
export async function assetsInScope(tx: Tx, family: string, scope: Scope): Promise<SliceAsset[]> {
  const { rows } = await tx.query<{ asset_ref: number; asset_id: string; owner_id: string | null }>(
    `select a.asset_ref, a.asset_id, coalesce(v.owner_id, f.owner_id) as owner_id
     from asset a
     join family f on f.site_id = a.site_id and f.family_id = $2
     join lateral (
       select owner_id, line_id from asset_version
       where asset_ref = a.asset_ref and family_id = $2 order by valid @> now() desc, lower(valid) desc nulls last limit 1
     ) v on true
     where a.site_id = $1 and case $3 when 'asset' then a.asset_id = $4 when 'line' then v.line_id = $4 else true end
     order by a.asset_id`,
    [tx.site, family, scope.kind, scope.id],
  )
  return rows.map((row) => ({ assetRef: row.asset_ref, assetId: row.asset_id, owner: row.owner_id }))
}

/** Accepted labels that touch a span of some assets, by time; cut to the span. */
export async function acceptedLabels(
  tx: Tx, assets: readonly SliceAsset[], span: { fromUs: number; toUs: number },
): Promise<(LabelledSpan & { readonly id: string })[]> {
  const { rows } = await tx.query<{ label_id: string; asset_id: string; from_us: string | null; to_us: string | null; value: LabelledSpan['value'] }>(
    `select l.label_id, a.asset_id, l.value,
            ${timestampToUs("nullif(lower(l.during), '-infinity')")} as from_us, ${timestampToUs("nullif(upper(l.during), 'infinity')")} as to_us
     from label l join asset a using (asset_ref)
     where l.site_id = $1 and l.state = 'accepted' and l.asset_ref = any($2::int[])
       and l.during && tstzrange(${usToTimestamp('$3')}, ${usToTimestamp('$4')}, '[]')
     order by lower(l.during) nulls first, a.asset_id, l.label_id`,
    [tx.site, assets.map(({ assetRef }) => assetRef), span.fromUs, span.toUs],
  )
  return rows.map((row) => ({
    id: row.label_id, asset: row.asset_id, value: row.value,
    fromUs: Math.max(span.fromUs, toUsOrNull(row.from_us) ?? span.fromUs), toUs: Math.min(span.toUs, toUsOrNull(row.to_us) ?? span.toUs),
  }))
}
