import { hasSeriesChecks } from '../domain/checks/check-series.ts'
import type { TagChecks } from '../domain/checks/limits.ts'
import type { DeclaredChecks, DeclaredRange, IngestTag } from '../domain/ingest/check-run.ts'
import { timestampToUs } from './sql-time.ts'
import type { Tx } from './transaction.ts'

interface Row {
  tag_key: string
  tag_ref: number
  asset_ref: number
  kind: 'scalar' | 'waveform'
  low: number | null
  high: number | null
  checks: TagChecks | null
  from_us: string | null
  to_us: string | null
}

/** The site's tags of these names with their declared ranges and checks; unknown names are absent. */
export async function readIngestTags(tx: Tx, site: string, keys: readonly string[]): Promise<Map<string, IngestTag>> {
  const { rows } = await tx.query<Row>(
    `select t.tag_key, t.tag_ref, t.asset_ref, t.kind, v.range_low as low, v.range_high as high, v.checks,
            ${timestampToUs("nullif(lower(v.valid), '-infinity')")} as from_us, ${timestampToUs("nullif(upper(v.valid), 'infinity')")} as to_us
       from tag t left join tag_version v on v.tag_ref = t.tag_ref and (v.range_low is not null and v.range_high is not null or v.checks is not null)
      where t.site_id = $1 and t.tag_key = any($2::text[])`,
    [site, keys],
  )
  const tags = new Map<string, IngestTag & { ranges: DeclaredRange[]; checks?: DeclaredChecks[] }>()
  for (const row of rows) {
    const tag = tags.get(row.tag_key) ?? { tagRef: row.tag_ref, assetRef: row.asset_ref, kind: row.kind, ranges: [] }
    tags.set(row.tag_key, tag)
    const { low, high, checks } = row
    const valid = { fromUs: row.from_us === null ? -Infinity : Number(row.from_us), toUs: row.to_us === null ? Infinity : Number(row.to_us) }
    if (low !== null && high !== null) tag.ranges.push({ low, high, ...valid })
    if (checks !== null && hasSeriesChecks(checks)) (tag.checks ??= []).push({ checks, ...valid })
  }
  return tags
}
