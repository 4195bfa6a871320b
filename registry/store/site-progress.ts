import type { Mode } from '../domain/contract/batch.ts'
import type { Tx } from './transaction.ts'

/** The newest commit number of a site; every lower one is visible too, since they are given under a lock held to the end. */
export async function lastCommit(tx: Tx, site: string): Promise<number> {
  const { rows } = await tx.query<{ last_commit: string }>('select last_commit from site where site_id = $1', [site])
  return Number(rows[0]?.last_commit ?? 0)
}

/** The oldest committed batch of these sources whose windows were not closed yet; one above `commit` when there is none. */
export async function oldestOpenCommit(tx: Tx, site: string, sources: readonly string[], commit: number): Promise<number> {
  const { rows } = await tx.query<{ oldest: string | null }>(
    `select min(commit_number) as oldest from raw_batch
     where site_id = $1 and state = 'committed' and windows_closed_at is null and commit_number <= $3
       and gateway_id || '/' || epoch = any($2::text[])`,
    [site, sources, commit],
  )
  return rows[0]?.oldest === null || rows[0] === undefined ? commit + 1 : Number(rows[0].oldest)
}

/** What a site has set for itself, as it was written. */
export async function siteSettings(tx: Tx, site: string): Promise<Record<string, unknown>> {
  const { rows } = await tx.query<{ settings: Record<string, unknown> }>('select settings from site where site_id = $1', [site])
  return rows[0]?.settings ?? {}
}

/** How a batch came: what a window computed because of it inherits. */
export async function batchFacts(tx: Tx, batchId: number): Promise<{ mode: Mode; traceId: string }> {
  const { rows } = await tx.query<{ mode: Mode; trace_id: string }>('select mode, trace_id from raw_batch where batch_id = $1', [batchId])
  const [row] = rows
  if (row === undefined) throw new Error(`batch ${batchId} is gone although its chunks are there`)
  return { mode: row.mode, traceId: row.trace_id }
}
