import { platformActor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { appendLedger } from '../../store/ledger.ts'
import { endOperation, operationStanding, reportProgress, type OperationOutcome } from '../../store/operations.ts'
import { announce } from '../../store/outbox.ts'
import { countParts, findRescore, openParts, totalsOf, uncountedParts, type Rescore } from '../../store/rescores.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

/** What its workflow does with a rescore, beside judging windows. */

export interface RescoreRef { readonly site: string; readonly operationId: string }
export interface RescoreStanding {
  readonly paused: boolean
  /** Somebody asked for it to stop, before its workflow could hear it. */
  readonly cancelling: boolean
  /** Machines to go on with, a few of them; none: it is done. */
  readonly assets: readonly number[]
}

/** How it ended; what came of it is counted here. */
export type RescoreOutcome = Exclude<OperationOutcome, { state: 'succeeded' }> | { readonly state: 'succeeded' }
/** Windows looked at, revisions written of them, machines that are done, releases that judged. */
export interface RescoreEnd { windows: number; written: number; assets: number; releases: string[] }

const COUNTED_AT_ONCE = 20

export async function rescoreOf(tx: Tx, operationId: string): Promise<Rescore> {
  return await findRescore(tx, operationId) ?? refuse('not_found', `site ${tx.site} has no rescore ${operationId}`, { operation: operationId })
}

/** Counts the windows of some of its machines, so that progress has an end to look to. Gives false when all are counted. */
export function countRescore(ctx: Pick<ServiceContext, 'pool'>, { site, operationId }: RescoreRef): Promise<boolean> {
  return inSite(ctx.pool, site, async (tx) => {
    const rescore = await rescoreOf(tx, operationId)
    const assetRefs = await uncountedParts(tx, rescore.rescoreRef, COUNTED_AT_ONCE)
    if (assetRefs.length > 0) await countParts(tx, rescore, assetRefs)
    await noteProgress(tx, rescore)
    return assetRefs.length > 0
  })
}

/** Whether it is to go on, and with which machines. */
export function rescoreStanding(ctx: Pick<ServiceContext, 'pool'>, { site, operationId }: RescoreRef, most: number): Promise<RescoreStanding> {
  return inSite(ctx.pool, site, async (tx) => {
    const rescore = await rescoreOf(tx, operationId)
    const { paused, cancelling } = await operationStanding(tx, operationId)
    const assets = await openParts(tx, rescore.rescoreRef, most)
    await noteProgress(tx, rescore, paused ? [] : assets)
    return { paused, cancelling, assets }
  })
}

/** What the operation shows, at the end of a transaction, since everybody who works on it comes by this row. `current`: machines it is at, where that is news. */
export async function noteProgress(tx: Tx, { operationId, rescoreRef }: Rescore, current?: readonly number[]): Promise<void> {
  const { windows, assets, written } = await totalsOf(tx, rescoreRef)
  const named = current && (await tx.query<{ asset_id: string }>('select asset_id from asset where asset_ref = any($1::int[]) order by asset_id', [current])).rows
  await reportProgress(tx, operationId, { windows, assets, written, ...(named && { current: named.map((row) => row.asset_id) }) })
}

/** Ends the operation once, with its totals in ledger and event: what was written stays, also of one that was cancelled. */
export function endRescore(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, { site, operationId }: RescoreRef, outcome: RescoreOutcome): Promise<RescoreEnd> {
  return inSite(ctx.pool, site, async (tx) => {
    const rescore = await rescoreOf(tx, operationId)
    const { windows, assets, written, releases } = await totalsOf(tx, rescore.rescoreRef)
    const result = { windows: windows.done, written, assets: assets.done, releases: [...releases] }
    await noteProgress(tx, rescore, [])
    if (await endOperation(tx, operationId, outcome.state === 'succeeded' ? { state: 'succeeded', result } : outcome)) {
      const body = { operation: operationId, state: outcome.state, ...result, ...(outcome.state === 'failed' && { error: { ...outcome.error } }) }
      await appendLedger(tx, { kind: 'rescore.ended', subject: `operation/${operationId}`, actor: platformActor('rescore'), body })
      await announce(tx, { id: `rescore/${operationId}/ended`, type: 'rescore.ended', atUs: ctx.nowUs(), data: { ...body, reason: rescore.reason, requestedBy: rescore.requestedBy } })
    }
    return result
  })
}
