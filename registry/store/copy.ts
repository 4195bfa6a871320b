import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import type { Tx } from './transaction.ts'

/**
 * Stores rows of binary COPY format in a partition of readings; table and columns are named by this program alone.
 * PostgreSQL refuses COPY into a table under row-level security, which the whole table is; its partitions, which the
 * application may not read, have a trigger instead that refuses rows of another site (0008_compaction.sql). Blocks are
 * taken as fast as the server reads, so that encoding and storing overlap.
 */
export async function copyIn(tx: Tx, table: string, columns: readonly string[], blocks: Iterable<Uint8Array>): Promise<void> {
  const stream = tx.client.query(copyFrom(`copy ${table} (${columns.join(', ')}) from stdin (format binary)`))
  await pipeline(Readable.from(blocks, { objectMode: true, highWaterMark: 2 }), stream)
}

/**
 * The rows of a query in binary COPY format: the way to read arrays, since pg's own binary mode decodes every field as
 * text. COPY takes no parameters; put in numbers only.
 */
export async function copyOut(tx: Tx, query: string): Promise<Buffer> {
  const stream = tx.client.query(copyTo(`copy (${query}) to stdout (format binary)`))
  const blocks: Buffer[] = []
  for await (const block of stream) blocks.push(block as Buffer)
  return Buffer.concat(blocks)
}
