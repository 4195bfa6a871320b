import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { openLmdbBuffer } from '../../../edge/buffer/lmdb-buffer.ts'
import { createCutter } from '../../../edge/cutter.ts'
import { createGapBook } from '../../../edge/gap-book.ts'
import { encodeRawBlock } from '../../../edge/raw-entry.ts'
import { createRawReader } from '../../../edge/raw-reader.ts'
import { createRoomKeeper } from '../../../edge/room-keeper.ts'
import { tagMapDigest, tagMapSchema } from '../../../edge/tag-map.ts'

const map = tagMapSchema.parse({ version: 1, tags: [{ address: 'a', tag: 'pump-1/a', unit: '1', canonicalUnit: '1' }] })
const digest = tagMapDigest(map)

function entry(us: number, change: (bytes: Uint8Array) => void = () => {}, mapDigest = digest) {
  const bytes = encodeRawBlock({
    kind: 'readings', source: 'plc', mode: 'live', mapDigest, gatewayUs: us, completeThroughUs: null, addresses: ['a'],
    address: new Uint16Array(3), sourceUs: Float64Array.of(us, us + 1, us + 2), raw: Float64Array.of(1, 2, 3), quality: new Uint16Array(3),
  })
  change(bytes)
  return { bytes, count: 3, mode: 'live' as const, gatewayUs: us, fromUs: us, toUs: us + 2 }
}
const newer = (bytes: Uint8Array) => { bytes[1] = 9 }
const nonsense = (bytes: Uint8Array) => { bytes.fill(0x20, 8, 40) }

async function stage(t: TestContext) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-reader-'))
  const buffer = await openLmdbBuffer({ directory })
  t.after(async () => {
    await buffer.close()
    rmSync(directory, { recursive: true, force: true })
  })
  await buffer.keepDocument(digest, map)
  const reader = createRawReader(buffer)
  const gaps = createGapBook(buffer)
  const told: number[] = []
  const cutter = createCutter({
    buffer, reader, gaps, site: 'works', gateway: 'gw-1', sources: () => [{ id: 'plc', mode: 'live' }], nowUs: () => 0, limits: { rows: 100, samples: 100, waitMs: 0, queued: 9 },
    onNewer: (rows) => { told.push(rows) },
  })
  return { buffer, reader, gaps, cutter, told }
}

test('what a newer gateway wrote is kept and said, what is damaged is a named loss, all else ships', async (t) => {
  const { buffer, cutter, told } = await stage(t)
  await buffer.keepDocument('map-of-the-future', { version: 2, tables: [] })
  await buffer.append([entry(1_000), entry(2_000, newer), entry(3_000, nonsense), entry(4_000, () => {}, 'map-of-the-future'), entry(5_000, () => {}, 'no-map'), entry(6_000)])
  await cutter.drain()
  const { batchRows, lostRows, rawRows } = buffer.stats()
  assert.deepEqual({ batchRows, lostRows, rawRows }, { batchRows: 6, lostRows: 6, rawRows: 6 })
  assert.deepEqual(buffer.readRaw(0, 1e9).map(({ gatewayUs }) => gatewayUs), [2_000, 4_000])
  assert.deepEqual(told, [3, 6])
  assert.deepEqual(buffer.records('gaps').map(({ value }) => (value as { cause: string; lost: number }).cause), ['damaged'])
})

test('in a full buffer it is not thinned; where it has to give way, the ledger says why nobody knows whose it was', async (t) => {
  const { buffer, reader, gaps, cutter } = await stage(t)
  await buffer.append([entry(2_000, newer)])
  const of = (policy: 'thin' | 'drop-oldest') => createRoomKeeper({ buffer, reader, gaps, policy, inHand: (id) => cutter.inHand(id) })
  const all = buffer.stats().capBytes
  assert.equal(await of('drop-oldest').make(all), true)
  const [gap] = buffer.records('gaps').map(({ value }) => value as { cause: string; lost: number; detail: string })
  assert.deepEqual([gap?.cause, gap?.lost], ['buffer_full', 3])
  assert.match(gap?.detail ?? '', /newer gateway/)
  await buffer.append([entry(2_000, newer), entry(3_000)])
  const thin = of('thin')
  assert.equal(await thin.make(buffer.room() + 1), true)
  assert.deepEqual(buffer.readRaw(0, 1e9).map(({ fromUs, count }) => [fromUs, count]), [[2_000, 3], [3_000, 2]])
  assert.equal(await thin.make(buffer.room() + 1), true, 'when nothing is left to thin, the oldest goes')
  assert.deepEqual(buffer.readRaw(0, 1e9).map(({ fromUs }) => fromUs), [])
})

test('a mistake of ours is no damage: it stays loud, and nothing is dropped', async (t) => {
  const { buffer } = await stage(t)
  await buffer.append([entry(1_000)])
  const [stored] = buffer.readRaw(0, 1)
  assert.ok(stored)
  const broken = createRawReader({ document: () => { throw new TypeError('a mistake') } })
  assert.throws(() => broken.read(stored), TypeError)
})
