import { narrowness, reaches, type SeatScope } from './assignments.ts'
import type { Tx } from './transaction.ts'
import { usToTimestamp } from './sql-time.ts'

export type ReleaseRole = 'champion' | 'challenger' | 'shadow'

export interface ReleaseInForce {
  readonly assetRef: number
  readonly role: ReleaseRole
  readonly releaseRef: number
  readonly scopeKind: SeatScope['kind']
  readonly assignmentId: string
}

export interface AssetPlace {
  readonly assetRef: number
  readonly site: string
  readonly assetId: string
  readonly familyId: string
  readonly lineId: string
  /** The family's newest feature set: what an asset without a release is measured by. */
  readonly currentFeatureSetRef: number | null
}

/** Where assets stand at an instant (now when absent); one that has left the plant counts where it stood last, so that its history can be scored. */
export async function placesOf(tx: Tx, assetRefs: readonly number[], atUs: number | null = null): Promise<AssetPlace[]> {
  const { rows } = await tx.query<{ asset_ref: number; site_id: string; asset_id: string; family_id: string; line_id: string; fs: number | null }>(
    `select a.asset_ref, a.site_id, a.asset_id, v.family_id, v.line_id,
            (select max(f.feature_set_ref) from feature_set f where f.site_id = a.site_id and f.family_id = v.family_id) as fs
     from asset a
     join lateral (
       select family_id, line_id from asset_version
       where asset_ref = a.asset_ref order by valid @> coalesce(${usToTimestamp('$2')}, now()) desc, lower(valid) desc nulls last limit 1
     ) v on true
     where a.asset_ref = any($1::int[])
     order by a.asset_ref`,
    [assetRefs, atUs],
  )
  return rows.map((row) => ({
    assetRef: row.asset_ref, site: row.site_id, assetId: row.asset_id, familyId: row.family_id, lineId: row.line_id,
    currentFeatureSetRef: row.fs,
  }))
}

/**
 * What judges each asset at an instant (the transaction's own when absent): per role the assignment with the narrowest
 * scope, asset before slice before line before family. Half-open ranges meet without gap, so a switch never shows zero or two
 * champions. A release that is in force in two roles counts once, in the higher one.
 */
export async function releasesInForce(tx: Tx, assetRefs: readonly number[], atUs: number | null = null): Promise<ReleaseInForce[]> {
  const { rows } = await tx.query<{ asset_ref: number; role: ReleaseRole; release_ref: number; scope_kind: SeatScope['kind']; assignment_id: string }>(
    `with place as (
       select a.asset_ref, a.site_id, a.asset_id, v.family_id, v.line_id
       from asset a
       join lateral (
         select family_id, line_id from asset_version
         where asset_ref = a.asset_ref order by valid @> now() desc, lower(valid) desc nulls last limit 1
       ) v on true
       where a.asset_ref = any($1::int[])
     ), candidate as (
       select p.asset_ref, s.role, s.release_ref, s.scope_kind, s.assignment_id,
              case s.role when 'champion' then 1 when 'challenger' then 2 else 3 end as role_rank,
              rank() over (partition by p.asset_ref, s.role
                           order by ${narrowness('s.scope_kind')}) as narrowness
       from place p
       join assignment s on s.site_id = p.site_id and s.family_id = p.family_id
        and s.holds_from <= coalesce(${usToTimestamp('$2')}, now()) and s.holds_to > coalesce(${usToTimestamp('$2')}, now())
        and ${reaches({ kind: 's.scope_kind', id: 's.scope_id' }, { id: 'p.asset_id', line: 'p.line_id', family: 'p.family_id' })}
     )
     select distinct on (asset_ref, release_ref) asset_ref, role, release_ref, scope_kind, assignment_id
     from candidate where narrowness = 1
     order by asset_ref, release_ref, role_rank`,
    [assetRefs, atUs],
  )
  return rows.map((row) => ({
    assetRef: row.asset_ref, role: row.role, releaseRef: row.release_ref, scopeKind: row.scope_kind, assignmentId: row.assignment_id,
  }))
}
