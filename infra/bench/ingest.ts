import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from '../../registry/store/pool.ts'
import { inSite } from '../../registry/store/transaction.ts'
import type { Publisher } from './publisher.ts'
import { benchSite, createStream, type Publication } from './workload.ts'

export interface Round { readonly readingsPerSec: number; readonly seconds: number }

/** Publishes the batches at once and waits until each is committed and its windows are closed: broker → scores. */
export async function platformRound(pool: Pool, publisher: Publisher, batches: readonly Publication[]): Promise<Round> {
  const started = performance.now()
  await publisher.publish(batches)
  await settled(pool, batches)
  const seconds = (performance.now() - started) / 1000
  return { readingsPerSec: batches.reduce((sum, batch) => sum + batch.readings, 0) / seconds, seconds }
}

/** One batch a second; milliseconds from publishing each to its committed scores. */
export async function latencies(pool: Pool, publisher: Publisher, count: number, startUs: number): Promise<number[]> {
  const stream = createStream('bench-latency', startUs)
  const found: number[] = []
  for (let i = 0; i < count; i++) {
    const batch = stream.readings(50_000)
    const started = performance.now()
    await publisher.publish([batch])
    await settled(pool, [batch], 5)
    found.push(performance.now() - started)
    await sleep(Math.max(0, 1000 - (performance.now() - started)))
  }
  return found
}

async function settled(pool: Pool, batches: readonly Publication[], everyMs = 20): Promise<void> {
  const last = batches.at(-1)
  const deadline = Date.now() + 300_000
  while (last && Date.now() < deadline) {
    const done = await inSite(pool, benchSite, async (tx) => {
      const { rows } = await tx.query<{ n: string }>(
        `select count(*) as n from raw_batch where site_id = $1 and gateway_id = $2 and sequence = any($3::bigint[])
           and (windows_closed_at is not null or state = 'quarantined')`,
        [benchSite, last.gateway, batches.map((batch) => batch.sequence)],
      )
      return Number(rows[0]?.n)
    })
    if (done === batches.length) return
    await sleep(everyMs)
  }
  throw new Error(`${batches.length} batches of ${last?.gateway ?? 'nobody'} were not done within five minutes; see the worker's log.`)
}
