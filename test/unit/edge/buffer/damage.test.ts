import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import type { DurableBuffer } from '../../../../edge/buffer/buffer.ts'
import { openLmdbBuffer } from '../../../../edge/buffer/lmdb-buffer.ts'
import { openLmdbFile } from '../../../../edge/buffer/lmdb-file.ts'
import type { DamageLoss } from '../../../../edge/buffer/salvage.ts'
import { effort } from '../../../helpers/effort.ts'

const ENTRIES = 400
const QUEUED = 10
const entry = (n: number) => ({ bytes: Buffer.alloc(n % 3 === 0 ? 6_000 : 300, `${n} `), count: 1, mode: 'live' as const, gatewayUs: n, fromUs: n, toUs: n })

/** A buffer with entries 11 … 400 waiting and ten batches of one entry queued, as a killed process leaves it. */
async function killed(t: TestContext): Promise<{ directory: string; file: string; epoch: string }> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-damage-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  const buffer = await openLmdbBuffer({ directory })
  for (let n = 1; n <= ENTRIES; n += 20) await buffer.append(Array.from({ length: 20 }, (_, i) => entry(n + i)), { position: { key: 'plc', value: n + 19 } })
  for (let n = 1; n <= QUEUED; n++) await buffer.queueCut({ batches: [{ sequence: n, kind: 'readings', count: 1, bytes: Buffer.alloc(5_000, `batch ${n} `) }], rawIds: [n], state: n })
  await buffer.keepDocument('map', { version: 1 })
  const { epoch } = buffer
  await buffer.close()
  writeFileSync(path.join(directory, 'running'), '1')
  return { directory, file: path.join(directory, 'buffer.mdb'), epoch }
}

const readable = (buffer: DurableBuffer) => ({
  entries: buffer.readRaw(0, 1e9).filter(({ bytes }) => bytes !== null).map(({ fromUs }) => fromUs),
  batches: buffer.listBatches(0, 100).filter(({ key }) => buffer.batchBytes(key) !== null).map(({ sequence }) => sequence),
})
const lossOf = (buffer: DurableBuffer) => buffer.record('facts', 'damage') as readonly DamageLoss[] | undefined

test('our own reader finds in a whole file what LMDB finds, and nothing wrong', async (t) => {
  const { file } = await killed(t)
  const opened = openLmdbFile(file)
  assert.ok(opened)
  assert.deepEqual(opened.check(true), [])
  assert.equal([...opened.entries('raw')].length, ENTRIES - QUEUED)
  assert.equal([...opened.entries('batch-bytes')].length, QUEUED)
  opened.close()
})

test('a file that was cut short is set aside; what can be read goes on under a new epoch, what is lost is counted', async (t) => {
  const { directory, file, epoch } = await killed(t)
  truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096)
  const buffer = await openLmdbBuffer({ directory })
  t.after(() => buffer.close())
  assert.notEqual(buffer.epoch, epoch)
  assert.ok(existsSync(`${file}.damaged`))
  const { entries, batches } = readable(buffer)
  assert.ok(entries.length + batches.length < ENTRIES)
  const damage = lossOf(buffer)
  assert.ok(damage)
  if (damage.every(({ lost }) => lost !== null)) assert.equal(damage.reduce((sum, { lost }) => sum + (lost ?? 0), 0), ENTRIES - entries.length - batches.length)
  await buffer.append([entry(ENTRIES + 1)])
  assert.equal(buffer.readRaw(0, 1e9).at(-1)?.fromUs, ENTRIES + 1)
})

test('bytes changed anywhere: it opens, gives nothing that was not written, and every loss is within what is told', async (t) => {
  const { directory, file } = await killed(t)
  const whole = readFileSync(file)
  await fc.assert(fc.asyncProperty(fc.array(fc.record({ at: fc.nat(whole.length - 1), length: fc.integer({ min: 1, max: 9_000 }), seed: fc.nat(255) }), { minLength: 1, maxLength: 4 }), async (strikes) => {
    writeFileSync(file, whole)
    const handle = openSync(file, 'r+')
    for (const { at, length, seed } of strikes) writeSync(handle, Buffer.from(Array.from({ length: Math.min(length, whole.length - at) }, (_, i) => (i * 31 + seed) & 0xff)), 0, undefined, at)
    closeSync(handle)
    rmSync(`${file}-lock`, { force: true })
    writeFileSync(path.join(directory, 'running'), '2')
    const buffer = await openLmdbBuffer({ directory })
    try {
      for (const { fromUs, bytes } of buffer.readRaw(0, 1e9)) if (bytes) assert.deepEqual(Buffer.from(bytes), entry(fromUs).bytes)
      const damage = lossOf(buffer) ?? []
      const lost = damage.reduce((sum, { lost: n }) => sum + (n ?? 0), 0) + buffer.readRaw(0, 1e9).filter(({ bytes }) => bytes === null).length
        + buffer.listBatches(0, 100).filter(({ key }) => buffer.batchBytes(key) === null).length
      const { entries, batches } = readable(buffer)
      const missing = ENTRIES - entries.length - batches.length
      if (damage.some(({ lost: n }) => n === null)) assert.ok(missing >= 0)
      else assert.equal(lost, missing)
      await buffer.append([entry(ENTRIES + 1)])
    } finally {
      await buffer.close()
    }
  }), { numRuns: effort(60), seed: Number(process.env['TWINWARD_TEST_SEED'] ?? '20265') })
})
