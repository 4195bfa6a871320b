import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from '../../registry/store/pool.ts'
import { timestampToUs } from '../../registry/store/sql-time.ts'
import { inSite } from '../../registry/store/transaction.ts'
import type { Publisher } from './publisher.ts'
import { benchSite, type BatchStream, type Publication } from './workload.ts'

/** Publishes the batches at once and waits until each is committed and its windows are closed: readings a second, broker → scores. */
export async function platformRound(pool: Pool, publisher: Publisher, batches: readonly Publication[]): Promise<number> {
  const started = performance.now()
  await publisher.publish(batches)
  await settled(pool, batches)
  return batches.reduce((sum, batch) => sum + batch.readings, 0) / ((performance.now() - started) / 1000)
}

/** One batch a second; milliseconds from publishing each to its committed scores. */
export async function latencies(pool: Pool, publisher: Publisher, stream: BatchStream, count: number): Promise<number[]> {
  const found: number[] = []
  // The first few find caches and connections cold.
  for (let i = -3; i < count; i++) {
    const batch = stream.readings(50_000)
    const started = performance.now()
    await publisher.publish([batch])
    await settled(pool, [batch], 5)
    const ms = performance.now() - started
    if (i >= 0) found.push(ms)
    await sleep(Math.max(0, 1000 - ms))
  }
  return found
}

/** A rate without its scores would be no rate of this platform: refuses when a machine of the fleet has a due window without. */
export async function demandWindows(pool: Pool, { fleet, throughUs }: BatchStream, table: 'score' | 'feature_window'): Promise<void> {
  const { rows } = await inSite(pool, benchSite, (tx) => tx.query<{ assets: string; through: string }>(
    `select count(*) as assets, min(through) as through from (
       select ${timestampToUs('max(window_end)')} as through from ${table} join asset using (asset_ref) where asset_id like $1 group by asset_ref
     ) as a`, [`${fleet}-%`]))
  if (rows[0] && Number(rows[0].assets) > 0 && Number(rows[0].through) >= throughUs) return
  throw new Error(`Fleet ${fleet} has rows in ${table} up to ${rows[0]?.through ?? 'never'} only, not to ${throughUs}: what was timed is not the whole path.`)
}

/** In one transaction, each look a single prepared statement that sees what was committed before it: the looking must not be a part of what is measured. */
async function settled(pool: Pool, batches: readonly Publication[], everyMs = 40): Promise<void> {
  const last = batches.at(-1)
  if (last === undefined) return
  await inSite(pool, benchSite, async (tx) => {
    for (const deadline = Date.now() + 300_000; Date.now() < deadline; await sleep(everyMs)) {
      const { rows } = await tx.client.query<{ n: string }>({
        name: 'settled',
        text: `select count(*) as n from raw_batch where site_id = $1 and gateway_id = $2 and sequence = any($3::bigint[])
           and (windows_closed_at is not null or state = 'quarantined')`,
        values: [benchSite, last.gateway, batches.map((batch) => batch.sequence)],
      })
      if (Number(rows[0]?.n) === batches.length) return
    }
    throw new Error(`${batches.length} batches of ${last.gateway} were not done within five minutes; see the worker's log.`)
  })
}
