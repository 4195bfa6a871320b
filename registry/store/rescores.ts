import type { Lane } from '../domain/contract/batch.ts'
import { lettingGate } from './assignments.ts'
import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** Whose windows are judged anew: each that is named narrows, none is the whole site. */
export interface RescoreScope { readonly family?: string | undefined; readonly line?: string | undefined; readonly assets?: readonly string[] | undefined }

export interface RescoreDraft {
  readonly operationId: string
  readonly scope: RescoreScope
  /** Windows that end in (after, through]. */
  readonly afterUs: number
  readonly throughUs: number
  readonly releaseRef: number | null
  readonly reason: string
  readonly requestedBy: string
  readonly assignmentId: string | null
  readonly requestId: string
  /** By which release each machine's windows are judged. */
  readonly parts: readonly { readonly assetRef: number; readonly releaseRef: number }[]
}

export interface Rescore extends Omit<RescoreDraft, 'parts'> { readonly rescoreRef: number; readonly release: string | null }

export async function insertRescore(tx: Tx, draft: RescoreDraft): Promise<number> {
  const { rows } = await tx.query<{ rescore_ref: number }>(
    `insert into rescore (site_id, operation_id, scope, after_end, through_end, release_ref, reason, requested_by, assignment_id, request_id)
     values ($1, $2, $3, ${usToTimestamp('$4')}, ${usToTimestamp('$5')}, $6, $7, $8, $9, $10) returning rescore_ref`,
    [tx.site, draft.operationId, JSON.stringify(draft.scope), draft.afterUs, draft.throughUs, draft.releaseRef, draft.reason, draft.requestedBy,
      draft.assignmentId, draft.requestId])
  const { rescore_ref: rescoreRef } = rows[0] as { rescore_ref: number }
  await tx.query(
    `insert into rescore_part (rescore_ref, site_id, asset_ref, release_ref, done_through)
     select $1, $2, a, r, ${usToTimestamp('$3')} from unnest($4::int[], $5::int[]) as u(a, r)`,
    [rescoreRef, tx.site, draft.afterUs, draft.parts.map((part) => part.assetRef), draft.parts.map((part) => part.releaseRef)])
  return rescoreRef
}

interface Row {
  rescore_ref: number; operation_id: string; scope: RescoreScope; after_us: string; through_us: string; release_ref: number | null; release_id: string | null
  reason: string; requested_by: string; assignment_id: string | null; request_id: string
}
const SELECT = `select x.rescore_ref, x.operation_id, x.scope, ${timestampToUs('x.after_end')} as after_us, ${timestampToUs('x.through_end')} as through_us,
    x.release_ref, r.release_id, x.reason, x.requested_by, x.assignment_id, x.request_id
  from rescore x left join release r using (release_ref)`

async function findOne(tx: Tx, where: string, value: unknown): Promise<Rescore | undefined> {
  const { rows: [row] } = await tx.query<Row>(`${SELECT} where x.site_id = $1 and ${where}`, [tx.site, value])
  return row && {
    rescoreRef: row.rescore_ref, operationId: row.operation_id, scope: row.scope, afterUs: toUs(row.after_us), throughUs: toUs(row.through_us),
    releaseRef: row.release_ref, release: row.release_id, reason: row.reason, requestedBy: row.requested_by, assignmentId: row.assignment_id, requestId: row.request_id,
  }
}

export const findRescore = (tx: Tx, operationId: string): Promise<Rescore | undefined> => findOne(tx, 'x.operation_id = $2', operationId)
export const rescoreByRequest = (tx: Tx, requestId: string): Promise<Rescore | undefined> => findOne(tx, 'x.request_id = $2', requestId)

/** One request of a site at a time: two that are the same find one another's row, and two that overlap see each other. */
export async function lockRescores(tx: Tx): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.rescore.' || $1::text, 0))", [tx.site])
}

/** Operations that still have windows of these machines and this time before them, oldest first. */
export async function overlappingRescores(tx: Tx, { assetRefs, afterUs, throughUs }: { assetRefs: readonly number[]; afterUs: number; throughUs: number }): Promise<string[]> {
  const { rows } = await tx.query<{ operation_id: string }>(
    `select x.operation_id from rescore x join operation o using (operation_id)
     where x.site_id = $1 and o.ended_at is null and x.after_end < ${usToTimestamp('$4')} and x.through_end > ${usToTimestamp('$3')}
       and exists (select from rescore_part p where p.rescore_ref = x.rescore_ref and p.asset_ref = any($2::int[]) and not p.ended)
     order by x.rescore_ref`, [tx.site, assetRefs, afterUs, throughUs])
  return rows.map((row) => row.operation_id)
}

/** Machines of a scope as they stand now, or stood last, by reference. */
export async function assetsInScope(tx: Tx, scope: RescoreScope): Promise<{ assetRef: number; assetId: string; familyId: string }[]> {
  const { rows } = await tx.query<{ asset_ref: number; asset_id: string; family_id: string }>(
    `select a.asset_ref, a.asset_id, v.family_id
     from asset a
     join lateral (
       select family_id, line_id from asset_version where asset_ref = a.asset_ref order by valid @> now() desc, lower(valid) desc nulls last limit 1
     ) v on true
     where a.site_id = $1 and ($2::text is null or v.family_id = $2) and ($3::text is null or v.line_id = $3) and ($4::text[] is null or a.asset_id = any($4))
     order by a.asset_ref`,
    [tx.site, scope.family ?? null, scope.line ?? null, scope.assets ?? null])
  return rows.map((row) => ({ assetRef: row.asset_ref, assetId: row.asset_id, familyId: row.family_id }))
}

/** Whether a release judged as champion once, and no review of an emergency rejected that it was let in. */
export async function wasApproved(tx: Tx, releaseRef: number): Promise<boolean> {
  const { rows } = await tx.query<{ approved: boolean }>(
    `select exists (
       select from assignment a left join lateral ${lettingGate} through on true left join gate g on g.gate_id = through.gate_id
       where a.site_id = $1 and a.release_ref = $2 and a.role = 'champion' and g.review_state is distinct from 'rejected') as approved`, [tx.site, releaseRef])
  return rows[0]?.approved ?? false
}

export interface RescorePart {
  readonly assetRef: number
  readonly releaseRef: number
  readonly doneThroughUs: number
  /** Where the rules stand, by lane; a lane without an entry has not decided yet. */
  readonly fold: Partial<Record<Lane, unknown>>
  readonly ended: boolean
}

/** One machine's part, held: whoever has it is the only one who goes on with it. */
export async function lockPart(tx: Tx, rescoreRef: number, assetRef: number): Promise<RescorePart | undefined> {
  const { rows: [row] } = await tx.query<{ release_ref: number; done_us: string; fold: RescorePart['fold']; ended: boolean }>(
    `select release_ref, ${timestampToUs('done_through')} as done_us, fold, ended from rescore_part where rescore_ref = $1 and asset_ref = $2 for update`,
    [rescoreRef, assetRef])
  return row && { assetRef, releaseRef: row.release_ref, doneThroughUs: toUs(row.done_us), fold: row.fold, ended: row.ended }
}

/** Notes a slice in the transaction that wrote it. A part that ended had as many windows as were looked at. */
export async function advancePart(
  tx: Tx, rescoreRef: number, assetRef: number, slice: { doneThroughUs: number; fold: RescorePart['fold']; lookedAt: number; written: number; ended: boolean },
): Promise<void> {
  await tx.query(
    `update rescore_part set done_through = ${usToTimestamp('$3')}, fold = $4, looked_at = looked_at + $5, written = written + $6, ended = $7,
            windows = case when $7 then looked_at + $5 else greatest(windows, looked_at + $5) end
     where rescore_ref = $1 and asset_ref = $2`,
    [rescoreRef, assetRef, slice.doneThroughUs, JSON.stringify(slice.fold), slice.lookedAt, slice.written, slice.ended])
}

/** Some machines whose windows have not been counted. */
export async function uncountedParts(tx: Tx, rescoreRef: number, limit: number): Promise<number[]> {
  const { rows } = await tx.query<{ asset_ref: number }>(
    'select asset_ref from rescore_part where rescore_ref = $1 and windows is null and not ended order by asset_ref limit $2', [rescoreRef, limit])
  return rows.map((row) => row.asset_ref)
}

/** Counts the windows that stand to be looked at, by when they end: several feature sets may have measured the same time. */
export async function countParts(tx: Tx, { rescoreRef, afterUs, throughUs }: Rescore, assetRefs: readonly number[]): Promise<void> {
  await tx.query(
    `update rescore_part p set windows = greatest(p.looked_at, c.n)
     from (select a, (select count(distinct w.window_end) from feature_window w
                      where w.asset_ref = a and w.window_end > ${usToTimestamp('$3')} and w.window_end <= ${usToTimestamp('$4')}) as n
           from unnest($2::int[]) as a) c
     where p.rescore_ref = $1 and p.asset_ref = c.a and p.windows is null`,
    [rescoreRef, assetRefs, afterUs, throughUs])
}

/** Machines that are not done yet, in their order. */
export async function openParts(tx: Tx, rescoreRef: number, limit: number): Promise<number[]> {
  const { rows } = await tx.query<{ asset_ref: number }>(
    'select asset_ref from rescore_part where rescore_ref = $1 and not ended order by asset_ref limit $2', [rescoreRef, limit])
  return rows.map((row) => row.asset_ref)
}

export interface RescoreTotals {
  readonly windows: { readonly done: number; readonly all: number }
  readonly assets: { readonly done: number; readonly all: number }
  /** Revisions written: windows that had nothing to judge leave none. */
  readonly written: number
  readonly releases: readonly string[]
}

export async function totalsOf(tx: Tx, rescoreRef: number): Promise<RescoreTotals> {
  const { rows: [row] } = await tx.query<{ done: string; all: string; assets_done: string; assets: string; written: string; releases: string[] | null }>(
    `select coalesce(sum(looked_at), 0) as done, coalesce(sum(greatest(windows, looked_at)), 0) as all, count(*) filter (where ended) as assets_done, count(*) as assets,
            coalesce(sum(written), 0) as written, (select array_agg(release_id order by release_ref) from release where release_ref in (select p.release_ref from rescore_part p where p.rescore_ref = $1)) as releases
     from rescore_part where rescore_ref = $1`, [rescoreRef])
  return {
    windows: { done: Number(row?.done ?? 0), all: Number(row?.all ?? 0) }, assets: { done: Number(row?.assets_done ?? 0), all: Number(row?.assets ?? 0) },
    written: Number(row?.written ?? 0), releases: row?.releases ?? [],
  }
}

/** What wrote a revision: asked for by whom, when and why. */
export interface RescoreRecord { readonly operation: string; readonly reason: string; readonly by: string; readonly askedUs: number }

export async function rescoreRecord(tx: Tx, rescoreRef: number): Promise<RescoreRecord> {
  const { rows: [row] } = await tx.query<{ operation_id: string; reason: string; requested_by: string; asked_us: string }>(
    `select operation_id, reason, requested_by, ${timestampToUs('asked_at')} as asked_us from rescore where rescore_ref = $1`, [rescoreRef])
  if (row === undefined) throw new Error(`rescore ${rescoreRef} is gone`)
  return { operation: row.operation_id, reason: row.reason, by: row.requested_by, askedUs: toUs(row.asked_us) }
}
