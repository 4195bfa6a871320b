import { openLmdbBuffer } from '../../edge/buffer/lmdb-buffer.ts'

/**
 * Works on a buffer until it is killed: appends numbered entries, queues batches of them, takes batches out, and tells
 * its parent of each step that is done. What it told must be true whenever it dies.
 */
const buffer = await openLmdbBuffer({ directory: process.argv[2] ?? '' })
let next = (buffer.position('next') as number | undefined) ?? 1
process.send?.({ opened: next })
for (;;) {
  const first = next
  const entries = Array.from({ length: 3 }, () => ({ bytes: Buffer.from(`${next++}`.padEnd(2000)), count: 1, mode: 'live' as const, gatewayUs: 0, fromUs: 0, toUs: 0 }))
  const more = Array.from({ length: 2 }, () => ({ bytes: Buffer.from(`${next++}`.padEnd(200)), count: 1, mode: 'live' as const, gatewayUs: 0, fromUs: 0, toUs: 0 }))
  await Promise.all([buffer.append(entries), buffer.append(more, { position: { key: 'next', value: next } })])
  process.send?.({ appended: next - 1 })
  if (first % 2 === 0) continue
  const raw = buffer.readRaw(0, 7_000)
  const bytes = Buffer.from(JSON.stringify(raw.map((entry) => Number(Buffer.from(entry.bytes ?? '').toString()))))
  await buffer.queueCut({ batches: [{ sequence: buffer.nextSequence, kind: 'readings', count: raw.length, bytes }], rawIds: raw.map(({ id }) => id), state: buffer.nextSequence })
  const [oldest] = buffer.listBatches(0, 1)
  if (!oldest) continue
  // Told before it is done: by the time a gateway removes a batch, the platform has it.
  process.send?.({ acknowledged: JSON.parse(Buffer.from(buffer.batchBytes(oldest.key) ?? []).toString()) as number[] })
  await buffer.removeBatches([oldest.key])
}
