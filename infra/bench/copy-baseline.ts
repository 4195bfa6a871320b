import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { createCopyWriter } from '../../registry/store/copy-writer.ts'

/**
 * Raw binary COPY of one reading a row (tag, time, value, quality, batch), rows a second, on the same server: what a
 * plain time-series table would cost. Encoding is part of it, as it is of ours.
 */
export async function copyRowsPerSec(migrationUrl: string, rows = 1_000_000): Promise<number> {
  const client = new pg.Client({ connectionString: migrationUrl })
  await client.connect()
  try {
    await client.query('drop table if exists bench_copy')
    await client.query('create table bench_copy (tag integer, t timestamptz, v float8, q smallint, batch integer)')
    const started = performance.now()
    await client.query('begin')
    const stream = client.query(copyFrom('copy bench_copy from stdin (format binary)'))
    const done = new Promise<void>((resolve, reject) => { stream.on('finish', resolve); stream.on('error', reject) })
    const writer = createCopyWriter(1 << 20)
    for (let i = 0; i < rows; i++) {
      writer.row(5)
      writer.int4(i % 100)
      writer.timestamp(1_700_000_000_000_000 + i * 10_000)
      writer.float8(i * 0.001)
      writer.int2(0)
      writer.int4(1)
      if (writer.size > 1 << 20 && !stream.write(writer.take())) await new Promise((resolve) => stream.once('drain', resolve))
    }
    stream.end(writer.end())
    await done
    await client.query('commit')
    return rows / ((performance.now() - started) / 1000)
  } finally {
    await client.query('drop table if exists bench_copy').catch(() => undefined)
    await client.end()
  }
}
