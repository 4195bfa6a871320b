import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import type { Tx } from './transaction.ts'

const loaded = new WeakMap<Tx, Set<string>>()

/**
 * Stores rows of binary COPY format in a table; table and columns are named by this program alone. PostgreSQL refuses
 * COPY into a table under row-level security, so the rows go through a temporary table of the session, and the
 * policies judge each on its way from there. Blocks are taken as fast as the server reads, so that encoding and storing
 * overlap. Once a table and transaction: the temporary table is emptied at the transaction's end.
 */
export async function copyIn(tx: Tx, table: string, columns: readonly string[], blocks: Iterable<Uint8Array>): Promise<void> {
  const tables = loaded.get(tx) ?? new Set()
  if (tables.has(table)) throw new Error(`${table} is loaded twice in one transaction, whose rows from before would be stored again`)
  loaded.set(tx, tables.add(table))
  const load = `load_${table}`
  const list = columns.join(', ')
  await tx.query(`set local client_min_messages = warning`)
  await tx.query(`create temporary table if not exists ${load} (like ${table} including storage) on commit delete rows`)
  const stream = tx.client.query(copyFrom(`copy ${load} (${list}) from stdin (format binary)`))
  await pipeline(Readable.from(blocks, { objectMode: true, highWaterMark: 2 }), stream)
  await tx.query(`insert into ${table} (${list}) select ${list} from ${load}`)
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
