import type { GatewayStatus } from '../domain/contract/gateway-report.ts'
import { refuse } from '../domain/errors.ts'
import type { FleetUpdate, FleetUpdateKind, FleetUpdateState, GatewaySeen, TargetState, UpdateTarget } from '../domain/update/fleet.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface FleetUpdateRow extends FleetUpdate {
  readonly updateId: string
  readonly site: string
  /** Of the program; of site files the number of their issue. */
  readonly version: string
  /** The program and its file; null where each gateway has its own. */
  readonly program: string | null
  readonly file: { readonly digest: string; readonly bytes: number; readonly key: string } | null
  readonly stageSinceUs: number
  readonly reason: string
  readonly startedBy: string
  readonly startedUs: number
  readonly endedUs: number | null
  readonly endedBy: string | null
}

interface Row {
  update_id: string; site_id: string; kind: FleetUpdateKind; version: string; program: string | null; file_digest: string | null; file_bytes: string | null; file_key: string | null; state: FleetUpdateState; stage: number; since_us: string
  settle_seconds: number; within_seconds: number; reason: string; started_by: string; started_us: string; ended_us: string | null; ended_by: string | null; ended_because: string | null
  targets: { gateway: string; stage: number; wanted: string; state: TargetState; ordered_us: number | null; well_us: number | null; detail: string | null }[]
}

const SELECT = `select u.update_id, u.site_id, u.kind, u.version, u.program, u.file_digest, u.file_bytes, u.file_key, u.state, u.stage, ${timestampToUs('u.stage_since')} as since_us, u.settle_seconds,
    u.within_seconds, u.reason, u.started_by, ${timestampToUs('u.started_at')} as started_us, ${timestampToUs('u.ended_at')} as ended_us, u.ended_by, u.ended_because,
    (select jsonb_agg(jsonb_build_object('gateway', t.gateway_id, 'stage', t.stage, 'wanted', coalesce(t.wanted, u.program), 'state', t.state, 'ordered_us', ${timestampToUs('t.ordered_at')}, 'well_us', ${timestampToUs('t.well_since')},
       'detail', t.detail) order by t.stage, t.gateway_id) from gateway_update_target t where t.update_id = u.update_id) as targets
  from gateway_update u`

const fromRow = (row: Row): FleetUpdateRow => ({
  updateId: row.update_id, site: row.site_id, kind: row.kind, version: row.version, program: row.program,
  file: row.file_digest === null || row.file_key === null ? null : { digest: row.file_digest, bytes: Number(row.file_bytes), key: row.file_key }, state: row.state,
  stage: row.stage, stageSinceUs: toUs(row.since_us), settleSeconds: row.settle_seconds, withinSeconds: row.within_seconds, reason: row.reason, startedBy: row.started_by,
  startedUs: toUs(row.started_us), endedUs: toUsOrNull(row.ended_us), endedBy: row.ended_by, endedBecause: row.ended_because,
  targets: row.targets.map(({ gateway, stage, wanted, state, ordered_us, well_us, detail }): UpdateTarget => ({ gateway, stage, wants: wanted, state, orderedUs: ordered_us, wellSinceUs: well_us, detail })),
})

export interface TargetFile { readonly digest: string; readonly bytes: number; readonly key: string }

export type FleetUpdateDraft = Pick<FleetUpdateRow, 'site' | 'kind' | 'version' | 'program' | 'file' | 'settleSeconds' | 'withinSeconds' | 'reason' | 'startedBy' | 'startedUs'> & {
  /** Each with the file that it is to fetch, where it has one of its own. */
  readonly targets: readonly (Pick<UpdateTarget, 'gateway' | 'stage' | 'wants'> & { readonly file?: TargetFile })[]
}

/** Refuses (`conflict`) while another one runs at the site. */
export async function insertFleetUpdate(tx: Tx, draft: FleetUpdateDraft): Promise<string> {
  const { rows } = await tx.query<{ update_id: string }>(
    `insert into gateway_update (site_id, version, program, file_digest, file_bytes, file_key, state, stage, stage_since, settle_seconds, within_seconds, reason, started_by, started_at, kind)
     values ($1, $2, $3, $4, $5, $6, 'running', 0, ${usToTimestamp('$7')}, $8, $9, $10, $11, ${usToTimestamp('$7')}, $12)
     on conflict (site_id) where state = 'running' do nothing returning update_id`,
    [draft.site, draft.version, draft.program, draft.file?.digest ?? null, draft.file?.bytes ?? null, draft.file?.key ?? null, draft.startedUs, draft.settleSeconds, draft.withinSeconds, draft.reason, draft.startedBy, draft.kind])
  const id = rows[0]?.update_id ?? refuse('conflict', `An update runs at site ${draft.site} already, and one at a time tells which change did what; wait for its end, or stop it: GET /v1/gateway-updates lists it.`)
  const own = <T>(of: (file: TargetFile) => T) => draft.targets.map(({ file }) => (file ? of(file) : null))
  await tx.query(
    `insert into gateway_update_target (update_id, site_id, gateway_id, stage, state, wanted, file_digest, file_bytes, file_key)
     select $1, $2, g, s, 'waiting', w, d, b, k from unnest($3::text[], $4::integer[], $5::text[], $6::text[], $7::bigint[], $8::text[]) as t (g, s, w, d, b, k)`,
    [id, draft.site, draft.targets.map(({ gateway }) => gateway), draft.targets.map(({ stage }) => stage), draft.targets.map(({ wants }) => wants), own(({ digest }) => digest), own(({ bytes }) => bytes), own(({ key }) => key)])
  return id
}

/** Refuses (`not_found`). */
export async function readFleetUpdate(tx: Tx, updateId: string): Promise<FleetUpdateRow> {
  const { rows } = await tx.query<Row>(`${SELECT} where u.update_id = $1`, [updateId])
  return rows[0] ? fromRow(rows[0]) : refuse('not_found', `there is no update ${updateId}; GET /v1/gateway-updates lists them`, { update: updateId })
}

/** Locked until the transaction ends. */
export async function lockFleetUpdate(tx: Tx, updateId: string): Promise<FleetUpdateRow> {
  await tx.query('select from gateway_update where update_id = $1 for update', [updateId])
  return readFleetUpdate(tx, updateId)
}

/** Newest first, after the given place. */
export async function listFleetUpdates(tx: Tx, of: string, [beforeUs, beforeId]: readonly (string | number | null)[], limit: number): Promise<FleetUpdateRow[]> {
  const { rows } = await tx.query<Row>(
    `${SELECT} where ${of} and ($1::bigint is null or (u.started_at, u.update_id) < (${usToTimestamp('$1')}, $2::uuid)) order by u.started_at desc, u.update_id desc limit $3`,
    [beforeUs ?? null, beforeId ?? null, limit])
  return rows.map(fromRow)
}

/** Updates that run, of all sites; what the reconciler waits for. */
export async function openFleetUpdates(tx: Tx, most: number): Promise<{ site: string; updateId: string }[]> {
  const { rows } = await tx.query<{ site_id: string; update_id: string }>("select site_id, update_id from gateway_update where state = 'running' order by started_at limit $1", [most])
  return rows.map((row) => ({ site: row.site_id, updateId: row.update_id }))
}

/** Writes where it stands now; who ended it, if it has ended. */
export async function putFleetUpdate(tx: Tx, before: FleetUpdateRow, after: FleetUpdate, by: { readonly id: string; readonly atUs: number }): Promise<void> {
  await tx.query(
    `update gateway_update set state = $2, stage = $3, stage_since = case when stage = $3 then stage_since else ${usToTimestamp('$4')} end,
            ended_at = case when $2 = 'running' then null else ${usToTimestamp('$4')} end, ended_by = case when $2 = 'running' then null else $5 end, ended_because = $6
      where update_id = $1 and state = 'running'`,
    [before.updateId, after.state, after.stage, by.atUs, by.id, after.endedBecause])
  for (const [i, target] of after.targets.entries()) {
    if (target === before.targets[i]) continue
    await tx.query(`update gateway_update_target set state = $3, ordered_at = ${usToTimestamp('$4')}, well_since = ${usToTimestamp('$5')}, detail = $6 where update_id = $1 and gateway_id = $2`,
      [before.updateId, target.gateway, target.state, target.orderedUs, target.wellSinceUs, target.detail])
  }
}

export async function noteOrder(tx: Tx, updateId: string, gateway: string, commandId: string): Promise<void> {
  await tx.query('update gateway_update_target set command_id = $3 where update_id = $1 and gateway_id = $2', [updateId, gateway, commandId])
}

/** Orders of an update that no gateway has carried out are taken back: it gets no file for them any more. */
export async function withdrawOrders(tx: Tx, updateId: string, why: string, atUs: number): Promise<void> {
  await tx.query(
    `update gateway_command c set state = 'refused', detail = $2, updated_at = ${usToTimestamp('$3')}
       from gateway_update_target t where t.update_id = $1 and t.command_id = c.command_id and c.state in ('pending', 'accepted')`, [updateId, why, atUs])
}

/** What its gateways last said, and what became of their orders. */
export async function seenByUpdate(tx: Tx, { updateId, site, kind }: Pick<FleetUpdateRow, 'updateId' | 'site' | 'kind'>): Promise<Map<string, GatewaySeen>> {
  const { rows } = await tx.query<{ gateway_id: string; reported_us: string | null; program: GatewayStatus['program'] | null; site_file: GatewayStatus['siteFile'] | null; command_id: string | null; command_state: 'pending' | 'accepted' | 'done' | 'refused' | null; detail: string | null }>(
    `select t.gateway_id, ${timestampToUs('r.reported_at')} as reported_us, r.status->'program' as program, r.status->'siteFile' as site_file, c.command_id, c.state as command_state, c.detail
       from gateway_update_target t left join gateway_report r on r.site_id = t.site_id and r.gateway_id = t.gateway_id left join gateway_command c on c.command_id = t.command_id
      where t.update_id = $1 and t.site_id = $2`, [updateId, site])
  return new Map(rows.map((row) => {
    const last = kind === 'program' ? row.program?.last : row.site_file?.last
    return [row.gateway_id, {
      reportedUs: toUsOrNull(row.reported_us), runs: (kind === 'program' ? row.program && { name: row.program.name, trial: row.program.trial } : row.site_file && runsBy(row.site_file)) ?? null,
      rolledBack: last && last.outcome !== 'confirmed' ? { order: last.id, why: last.why ?? 'it was not well' } : null,
      order: row.command_id === null || row.command_state === null ? null : { id: row.command_id, state: row.command_state, detail: row.detail },
    }]
  }))
}

/** One that cannot be used and for which another stands in is not what it runs by for good. */
const runsBy = ({ digest, trial = false, former }: NonNullable<GatewayStatus['siteFile']>): NonNullable<GatewaySeen['runs']> => ({ name: digest, trial: trial || former })

/** The file of each gateway that has one of its own. */
export async function filesOfUpdate(tx: Tx, updateId: string): Promise<Map<string, TargetFile>> {
  const { rows } = await tx.query<{ gateway_id: string; file_digest: string; file_bytes: string; file_key: string }>('select gateway_id, file_digest, file_bytes, file_key from gateway_update_target where update_id = $1 and file_digest is not null', [updateId])
  return new Map(rows.map((row) => [row.gateway_id, { digest: row.file_digest, bytes: Number(row.file_bytes), key: row.file_key }]))
}

export interface UpdatableGateway { readonly gateway: string; readonly program: NonNullable<GatewayStatus['program']> | null; readonly siteFile: NonNullable<GatewayStatus['siteFile']> | null }

/** Gateways of a site that have reported. */
export async function gatewaysToUpdate(tx: Tx, site: string): Promise<UpdatableGateway[]> {
  const { rows } = await tx.query<{ gateway_id: string; program: UpdatableGateway['program']; site_file: UpdatableGateway['siteFile'] }>("select gateway_id, status->'program' as program, status->'siteFile' as site_file from gateway_report where site_id = $1 order by gateway_id", [site])
  return rows.map((row) => ({ gateway: row.gateway_id, program: row.program, siteFile: row.site_file }))
}
