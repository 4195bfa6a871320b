import type { Tx } from './transaction.ts'

/** Channel on which the dispatcher hears that there may be something to ingest. What is told counts when its transaction commits. */
export const BATCH_NEWS_CHANNEL = 'raw_batch'

/** A gateway's buffer, as one word. */
export const bufferKey = ({ site, gateway, epoch }: { readonly site: string; readonly gateway: string; readonly epoch: string }): string => `${site}/${gateway}/${epoch}`

/** One more batch of the buffer has landed; the payload is its key. */
export async function tellLanded(tx: Tx, buffer: Parameters<typeof bufferKey>[0]): Promise<void> {
  await tx.query('select pg_notify($1, $2)', [BATCH_NEWS_CHANNEL, bufferKey(buffer)])
}

/** Batches that were there have moved: they were stored or set aside, or their windows are open again. No payload. */
export async function tellMoved(tx: Tx): Promise<void> {
  await tx.query("select pg_notify($1, '')", [BATCH_NEWS_CHANNEL])
}
