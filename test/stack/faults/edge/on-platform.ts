import { setTimeout as sleep } from 'node:timers/promises'
import { balance, assertBalanced, type Balance, type LedgerEntry, type SourceAccount, type StoredRun } from '../../../helpers/accounts.ts'
import type { TestPlatform } from '../../../helpers/platform.ts'
import { scalarTag, waveTag } from './gateway.ts'

/** Makes a site of these assets known, each with so many counting tags. */
export async function importCounting(on: TestPlatform, site: string, assets: Readonly<Record<string, { tags: number; waveforms?: number }>>): Promise<void> {
  const validFrom = '2020-01-01T00:00:00Z'
  const tagsOf = (asset: string, kind: 'scalar' | 'waveform', n: number, name: (asset: string, i: number) => string) => Array.from({ length: n }, (_, i) => {
    const own = name(asset, i).split('/')[1] ?? ''
    return { asset, name: own, role: own, kind, unit: '1', canonicalUnit: '1', validFrom }
  })
  await on.admin.post('/v1/assets/import', {
    site: { id: site, name: site, kind: 'plant' }, areas: [{ id: 'hall', name: 'Hall' }], lines: [{ id: 'l', area: 'hall', name: 'L' }],
    assets: Object.keys(assets).map((id) => ({ id, name: id, class: 'counter', family: `${site}-counters`, line: 'l', validFrom })),
    tags: Object.entries(assets).flatMap(([asset, { tags, waveforms = 0 }]) => [...tagsOf(asset, 'scalar', tags, scalarTag), ...tagsOf(asset, 'waveform', waveforms, waveTag)]),
  })
}

/**
 * What PostgreSQL holds of a site, in the order of commit. The marks that a gateway sets where a connection ended are no
 * readings of the source. A waveform counts by the value it is filled with.
 */
export async function storedOn({ sql }: Pick<TestPlatform, 'sql'>, site: string): Promise<StoredRun[]> {
  // Chunk by chunk, the stretches that ascend by one: a day of readings is too much to sort.
  return sql<{ tag: string; lane: string; first: number; last: number }>(`
    with run as (
      select t.tag_key as tag, b.lane, b.commit_number, c.t_min as at, island.n, island.first, island.last
      from reading_chunk c join tag t using (tag_ref)
      cross join lateral (
        select c.batch_id, 0 as skip, c.n where c.batch_id is not null
        union all
        select u.batch_id, (sum(u.n) over (order by u.place) - u.n)::integer, u.n from unnest(c.part_batches, c.part_counts) with ordinality as u (batch_id, n, place)) part
      join raw_batch b on b.batch_id = part.batch_id
      cross join lateral (
        select min(raw) as first, max(raw) as last, min(n) as n
        from (select raw, n, raw - row_number() over (order by n) as stretch
              from unnest((coalesce(c.raws, c.vals))[part.skip + 1 : part.skip + part.n]) with ordinality as u (raw, n) where raw <> 'NaN') numbered
        group by stretch) island
      where c.site_id = $1
      union all
      select t.tag_key, b.lane, b.commit_number, w.t_start, 1, w.samples[1], w.samples[1] from waveform w join tag t using (tag_ref) join raw_batch b using (batch_id) where w.site_id = $1)
    select tag, lane, first::float8 as first, last::float8 as last from run order by tag, lane, commit_number, at, n`, [site])
}

export async function ledgerOn({ sql }: Pick<TestPlatform, 'sql'>, site: string): Promise<LedgerEntry[]> {
  const us = (column: string) => `(extract(epoch from ${column}) * 1e6)::float8`
  return sql<{ cause: string; tag: string | null; fromUs: number; toUs: number | null; lost: number | null }>(
    `select cause, tag_key as tag, ${us('from_at')} as "fromUs", ${us('to_at')} as "toUs", lost::float8 as lost from gap_entry where site_id = $1`, [site])
}

/**
 * Waits until every batch of the site has its outcome and the accounts balance (the ledger is told a little later than
 * readings), then asserts it; nothing may have been stored as a revision, nor be in quarantine without `quarantined`.
 */
export async function assertSettled(on: TestPlatform, site: string, sources: readonly SourceAccount[], limitMs = 240_000): Promise<Balance> {
  for (const endMs = performance.now() + limitMs; ;) {
    const [row] = await on.sql<{ n: number; open: number }>(
      "select count(*)::int as n, (count(*) filter (where state = 'landed' or (state = 'committed' and windows_closed_at is null)))::int as open from raw_batch where site_id = $1", [site])
    const late = performance.now() > endMs
    if ((row?.n ?? 0) > 0 && row?.open === 0) {
      const accounts = { sources, stored: await storedOn(on, site), ledger: await ledgerOn(on, site) }
      if (late || balance(accounts).problems.length === 0) {
        const result = assertBalanced(accounts)
        const revised = await on.sql('select tag_key, raw from reading where site_id = $1 and revision > 0 limit 5', [site])
        if (revised.length > 0) throw new Error(`readings came with two values: ${JSON.stringify(revised)}`)
        return result
      }
    } else if (late) throw new Error(`${row?.open ?? 0} of ${row?.n ?? 0} batches of ${site} have no outcome`)
    await sleep(300)
  }
}
