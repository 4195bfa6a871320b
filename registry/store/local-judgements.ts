import type { JudgedWindow } from '../domain/contract/judged-window.ts'
import type { JudgedDifference, PlatformWindow } from '../domain/replay/compare-judged.ts'
import { timestampToUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface PlatformSide { readonly window: PlatformWindow | undefined; readonly closedThroughUs: number | null; /** The machine is in the registry. */ readonly known: boolean }

/** What the platform's champion first made of the same windows, in the order given; the live lane's where both have it. */
export async function platformSides(tx: Tx, site: string, judged: readonly JudgedWindow[]): Promise<PlatformSide[]> {
  const { rows } = await tx.query<{
    known: boolean; closed_us: string | null; found: boolean; release_digest: string; score: number | null; confidence: number | null; fired: string | null; decided: boolean
  }>(
    `select a.asset_ref is not null as known,
            -- Its own lane; where that goes no further, as another feature set judges now, an hour behind what does.
            (select ${timestampToUs("greatest(max(l.closed_through) filter (where f.name || '@' || f.version = j.feature_set), max(l.closed_through) - interval '1 hour')")}
               from asset_lane l join feature_set f using (feature_set_ref) where l.asset_ref = a.asset_ref and l.lane = 'live') as closed_us,
            s.score_id is not null as found, r.digest as release_digest, s.score, s.confidence, s.decision->>'fired' as fired,
            coalesce(s.decision is not null and not s.suppressed, false) as decided
       from unnest($2::text[], $3::bigint[], $4::text[]) with ordinality as j (asset_id, end_us, feature_set, place)
       left join asset a on a.site_id = $1 and a.asset_id = j.asset_id
       left join lateral (
         select * from score c where c.asset_ref = a.asset_ref and c.window_end = ${usToTimestamp('j.end_us')} and c.role = 'champion'
          order by c.lane = 'live' desc, c.revision, c.score_id limit 1) s on true
       left join release r on r.release_ref = s.release_ref
      order by j.place`,
    [site, judged.map(({ asset }) => asset), judged.map(({ endUs }) => endUs), judged.map(({ featureSet }) => featureSet)])
  return rows.map((row) => ({
    known: row.known, closedThroughUs: toUsOrNull(row.closed_us),
    window: row.found ? { releaseDigest: row.release_digest, score: finiteOrNull(row.score), confidence: finiteOrNull(row.confidence), fired: row.fired, decided: row.decided } : undefined,
  }))
}

/** What windows of one machine and bundle came to. */
export interface JudgedTally {
  readonly asset: string
  readonly release: { readonly id: string; readonly digest: string }
  readonly issue: number
  readonly agreeing: number
  readonly differing: number
  readonly otherRelease: number
  readonly absent: number
  readonly firstUs: number
  readonly lastUs: number
  readonly largest: number
  readonly firstDifference: JudgedDifference | null
}

/** Adds to what was compared before. */
export async function addTallies(tx: Tx, site: string, gateway: string, tallies: readonly JudgedTally[], nowUs: number): Promise<void> {
  for (const tally of tallies) {
    await tx.query(
      `insert into local_judgement as l (site_id, gateway_id, asset_id, release_digest, release_id, issue, agreeing, differing, other_release, absent, first_end, last_end, largest, first_difference, compared_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, ${usToTimestamp('$11')}, ${usToTimestamp('$12')}, $13, $14, ${usToTimestamp('$15')})
       on conflict (site_id, gateway_id, asset_id, release_digest, issue) do update
          set agreeing = l.agreeing + excluded.agreeing, differing = l.differing + excluded.differing, other_release = l.other_release + excluded.other_release, absent = l.absent + excluded.absent,
              first_end = least(l.first_end, excluded.first_end), last_end = greatest(l.last_end, excluded.last_end), largest = greatest(l.largest, excluded.largest),
              first_difference = coalesce(l.first_difference, excluded.first_difference), compared_at = excluded.compared_at`,
      [site, gateway, tally.asset, tally.release.digest, tally.release.id, tally.issue, tally.agreeing, tally.differing, tally.otherRelease, tally.absent, tally.firstUs, tally.lastUs, tally.largest,
        tally.firstDifference && JSON.stringify(tally.firstDifference), nowUs])
  }
}

/** Through which windows the gateway's were compared already: told again after a reply that was lost, they count once. */
export async function comparedThrough(tx: Tx, site: string, gateway: string): Promise<ReadonlyMap<string, number>> {
  const { rows } = await tx.query<{ asset_id: string; last_us: string }>(
    `select asset_id, ${timestampToUs('max(last_end)')} as last_us from local_judgement where site_id = $1 and gateway_id = $2 group by asset_id`, [site, gateway])
  return new Map(rows.map(({ asset_id, last_us }) => [asset_id, Number(last_us)]))
}

const finiteOrNull = (x: number | null): number | null => (x !== null && Number.isFinite(x) ? x : null)
