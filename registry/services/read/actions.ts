import { demand, type Actor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { findModelVersion } from '../../store/model-versions.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { isoOrNull } from './rows.ts'

/** What came of alerts. Each counts once, by what was last said of it. */
export interface Outcomes { readonly confirmed: number; readonly falseAlarm: number; readonly unclear: number; readonly unsaid: number }

export interface Followed {
  /** Windows it has scored, each once; what a rescore had it score later is not counted. */
  readonly windows: number
  readonly alerts: number
  /** Of these: called somebody; were acknowledged; led to a work order; whose work order is done. */
  readonly paged: number
  readonly acknowledged: number
  readonly workOrders: number
  readonly workOrdersDone: number
  readonly outcomes: Outcomes
}

export interface AssetActions extends Followed {
  readonly asset: string
  /** Event time of the first and the last window it scored. */
  readonly firstWindow: string | null
  readonly lastWindow: string | null
}

/** Which machines a model version has scored, and what followed from that. */
export interface ModelActions {
  readonly site: string
  readonly family: string
  readonly model: { readonly name: string; readonly version: number; readonly digest: string }
  /** Releases that bind it; `GET /v1/alerts?release=` lists the alerts of one. */
  readonly releases: readonly string[]
  readonly total: Followed
  readonly assets: readonly AssetActions[]
}

interface Row {
  asset_id: string; windows: string; first_us: string | null; last_us: string | null; alerts: string; paged: string; acknowledged: string
  work_orders: string; work_orders_done: string; confirmed: string; false_alarm: string; unclear: string; unsaid: string
}

/**
 * Reads it: windows out of the packed scores, and of days that are not packed whole out of the scores themselves, so that it
 * does not matter how far a keeper is that packs them just now. Refuses
 * (`not_found`) a version that is not there.
 */
export async function getModelActions(
  ctx: ServiceContext, actor: Actor, input: { site: string; name: string; version: number },
): Promise<ModelActions> {
  demand(actor, 'read', input.site)
  const { site, name, version } = input
  return inSite(ctx.pool, site, async (tx) => {
    const model = await findModelVersion(tx, name, version) ?? refuse('not_found', `site ${site} has no version ${version} of model ${name}`, { name, version })
    const releases = (await tx.query<{ release_ref: number; release_id: string }>(
      'select release_ref, release_id from release where site_id = $1 and model_version_ref = $2 order by number', [site, model.modelVersionRef])).rows
    const { rows } = await tx.query<Row>(
      `with through as (
         select a.asset_ref, coalesce(c.through_score_id, 0) as id from asset a left join score_chunked c using (asset_ref)
         where a.site_id = $1 and exists (select from asset_lane l where l.asset_ref = a.asset_ref)
       ), unpacked as (
         select distinct s.asset_ref, (s.window_end at time zone 'UTC')::date as day
         from score s join through t on t.asset_ref = s.asset_ref and s.score_id > t.id where s.score_id > (select min(id) from through)
       ), packed as (
         select c.asset_ref, sum(c.n) as n, min(c.t_min) as first, max(c.t_max) as last
         from asset a join score_chunk c using (asset_ref)
         where a.site_id = $1 and c.model_version_ref = $2 and not exists (select from unpacked u where u.asset_ref = c.asset_ref and u.day = c.day) group by 1
       ), recent as (
         select s.asset_ref, count(distinct s.window_end) as n, min(s.window_end) as first, max(s.window_end) as last
         from unpacked u join score s on s.asset_ref = u.asset_ref and s.window_end >= u.day::timestamp at time zone 'UTC' and s.window_end < (u.day + 1)::timestamp at time zone 'UTC'
         where s.release_ref = any($3::int[]) and s.rescore_ref is null group by 1
       ), followed as (
         select al.asset_ref, count(*) as alerts, count(*) filter (where al.pages) as paged, count(al.acknowledged_at) as acknowledged,
                count(w.number) as work_orders, count(*) filter (where w.state = 'done') as work_orders_done,
                count(*) filter (where f.verdict = 'confirmed') as confirmed, count(*) filter (where f.verdict = 'false-alarm') as false_alarm,
                count(*) filter (where f.verdict = 'unclear') as unclear, count(*) filter (where f.verdict is null) as unsaid
         from alert al left join work_order w using (alert_id)
         left join lateral (select verdict from feedback where alert_id = al.alert_id order by given_at desc limit 1) f on true
         where al.site_id = $1 and al.release_ref = any($3::int[]) group by 1
       )
       select a.asset_id, coalesce(p.n, 0) + coalesce(r.n, 0) as windows,
              ${timestampToUs('least(p.first, r.first)')} as first_us, ${timestampToUs('greatest(p.last, r.last)')} as last_us,
              coalesce(f.alerts, 0) as alerts, coalesce(f.paged, 0) as paged, coalesce(f.acknowledged, 0) as acknowledged, coalesce(f.work_orders, 0) as work_orders,
              coalesce(f.work_orders_done, 0) as work_orders_done, coalesce(f.confirmed, 0) as confirmed, coalesce(f.false_alarm, 0) as false_alarm,
              coalesce(f.unclear, 0) as unclear, coalesce(f.unsaid, 0) as unsaid
       from asset a left join packed p using (asset_ref) left join recent r using (asset_ref) left join followed f using (asset_ref)
       where a.site_id = $1 and (p.n > 0 or r.n > 0 or f.alerts > 0) order by a.asset_id`,
      [site, model.modelVersionRef, releases.map((release) => release.release_ref)])
    const assets = rows.map((row) => ({ asset: row.asset_id, firstWindow: isoOrNull(row.first_us), lastWindow: isoOrNull(row.last_us), ...followedOf(row) }))
    return {
      site, family: model.family, model: { name, version, digest: model.digest }, releases: releases.map((release) => release.release_id),
      total: assets.reduce<Followed>(sum, NOTHING), assets,
    }
  })
}

const NOTHING: Followed = {
  windows: 0, alerts: 0, paged: 0, acknowledged: 0, workOrders: 0, workOrdersDone: 0, outcomes: { confirmed: 0, falseAlarm: 0, unclear: 0, unsaid: 0 },
}

const followedOf = (row: Row): Followed => ({
  windows: Number(row.windows), alerts: Number(row.alerts), paged: Number(row.paged), acknowledged: Number(row.acknowledged),
  workOrders: Number(row.work_orders), workOrdersDone: Number(row.work_orders_done),
  outcomes: { confirmed: Number(row.confirmed), falseAlarm: Number(row.false_alarm), unclear: Number(row.unclear), unsaid: Number(row.unsaid) },
})

const sum = (a: Followed, b: Followed): Followed => ({
  windows: a.windows + b.windows, alerts: a.alerts + b.alerts, paged: a.paged + b.paged, acknowledged: a.acknowledged + b.acknowledged,
  workOrders: a.workOrders + b.workOrders, workOrdersDone: a.workOrdersDone + b.workOrdersDone,
  outcomes: {
    confirmed: a.outcomes.confirmed + b.outcomes.confirmed, falseAlarm: a.outcomes.falseAlarm + b.outcomes.falseAlarm,
    unclear: a.outcomes.unclear + b.outcomes.unclear, unsaid: a.outcomes.unsaid + b.outcomes.unsaid,
  },
})
