import { refuse } from '../../domain/errors.ts'
import { timestampToUs, toUsOrNull } from '../../store/sql-time.ts'
import type { Tx } from '../../store/transaction.ts'

export interface FoundTag {
  readonly tagRef: number
  readonly kind: 'scalar' | 'waveform'
  readonly unit: string
  /** Source time of its newest reading; null while there is none. */
  readonly newestUs: number | null
  /** The site's newest commit number: what a read without an as-of sees. */
  readonly lastCommit: number
}

/** A tag by its key, as it is measured now or was last. Refuses (`not_found`) an unknown one, (`unprocessable`) one of another kind. */
export async function tagOf(tx: Tx, site: string, key: string, kind: 'scalar' | 'waveform'): Promise<FoundTag> {
  const { rows } = await tx.query<{ tag_ref: number; kind: 'scalar' | 'waveform'; unit: string | null; newest_us: string | null; last_commit: string }>(
    `select t.tag_ref, t.kind, v.canonical_unit as unit, ${timestampToUs('h.t_max')} as newest_us, s.last_commit
     from tag t
     join site s using (site_id)
     left join tag_head h using (tag_ref)
     left join lateral (
       select canonical_unit from tag_version where tag_ref = t.tag_ref order by valid @> now() desc, lower(valid) desc limit 1
     ) v on true
     where t.site_id = $1 and t.tag_key = $2`,
    [site, key],
  )
  const row = rows[0]
  if (!row) return refuse('not_found', `site ${site} has no tag ${key}; GET /v1/tags lists those it has`, { tag: key })
  if (row.kind !== kind) {
    refuse('unprocessable', `${key} is a ${row.kind} tag; read it at /v1/${row.kind === 'scalar' ? 'readings' : 'waveforms'}`, { tag: key, kind: row.kind })
  }
  return { tagRef: row.tag_ref, kind: row.kind, unit: row.unit ?? '1', newestUs: toUsOrNull(row.newest_us), lastCommit: Number(row.last_commit) }
}
