import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import type { DurableBuffer } from '../../../../edge/buffer/buffer.ts'
import { openLmdbBuffer } from '../../../../edge/buffer/lmdb-buffer.ts'
import { openLmdbFile } from '../../../../edge/buffer/lmdb-file.ts'
import { openMended } from '../../../../edge/buffer/mend.ts'
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

/** Other bytes in every page that holds these, as long as they are. */
function strikeAll(file: string, text: string): void {
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at)) bytes.fill(0xa5, at, at + text.length)
  writeFileSync(file, bytes)
}

test('a loss that had been noted, and whose note is lost, is told anew: it was at a time that nobody knows any more', async (t) => {
  const { directory, file } = await killed(t)
  const before = await openLmdbBuffer({ directory })
  await before.write([{ store: 'gaps', key: 'gap-1', value: { id: 'gap-1', cause: 'disk', fromUs: 100, toUs: 200 } }, { store: 'alarms', key: 'other', value: {} }])
  await before.close()
  writeFileSync(path.join(directory, 'running'), '2')
  strikeAll(file, '{"id":"gap-1"')
  const buffer = await openLmdbBuffer({ directory })
  t.after(() => buffer.close())
  assert.equal(buffer.record('gaps', 'gap-1'), undefined)
  assert.deepEqual(buffer.record('alarms', 'other'), {})
  const [told, ...more] = lossOf(buffer) ?? []
  assert.deepEqual(more, [])
  assert.ok(told && told.lost === null && told.fromUs <= 1 && told.toUs >= ENTRIES)
  assert.match(told.detail, /readings whose loss had been noted/)
})

test('a file that is damaged again before its damage was noted tells of both', async (t) => {
  const { directory, file } = await killed(t)
  for (const text of ['43 43 43', '44 44 44']) {
    strikeAll(file, text)
    writeFileSync(path.join(directory, 'running'), '16')
    // Ends before it comes to noting what was lost.
    await (await openLmdbBuffer({ directory })).close()
  }
  const buffer = await openLmdbBuffer({ directory })
  t.after(() => buffer.close())
  const { entries, batches } = readable(buffer)
  assert.equal(ENTRIES - entries.length - batches.length, 2)
  assert.deepEqual((lossOf(buffer) ?? []).map(({ fromUs, toUs, lost }) => [fromUs, toUs, lost]), [[43, 43, 1], [44, 44, 1]])
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
      const there = new Set([...buffer.readRaw(0, 1e9).map(({ fromUs }) => fromUs), ...buffer.listBatches(0, 100).map(({ sequence }) => sequence)])
      const homeless = Array.from({ length: ENTRIES }, (_, i) => i + 1).filter((n) => !there.has(n) && !damage.some(({ fromUs, toUs }) => fromUs <= n && n <= toUs))
      assert.deepEqual(homeless, [], 'what is lost lies within the times that are told')
      await buffer.append([entry(ENTRIES + 1)])
    } finally {
      await buffer.close()
    }
  }), { numRuns: effort(60), seed: Number(process.env['TWINWARD_TEST_SEED'] ?? '20265') })
})

test('the first look after a bad end is bounded: small trees first, no counts of what was not read; the next one reads all', async (t) => {
  const { file } = await killed(t)
  const look = (deep: boolean, mostPages?: number) => {
    const opened = openLmdbFile(file)
    assert.ok(opened)
    const problems = opened.check(deep, undefined, [], mostPages)
    opened.close()
    return problems
  }
  assert.deepEqual(look(false, 15), [], 'nothing is wrong with what is left out')
  const pages = statSync(file).size / 4096
  const whole = readFileSync(file)
  const writePage = (n: number, bytes: Uint8Array) => {
    const handle = openSync(file, 'r+')
    writeSync(handle, bytes, 0, undefined, n * 4096)
    closeSync(handle)
  }
  /** Pages whose loss a look notices. */
  const noticed = (mostPages?: number) => Array.from({ length: pages }, (_, n) => n).filter((n) => {
    writePage(n, Buffer.alloc(4096, 0xa5))
    const problems = look(false, mostPages)
    writePage(n, whole.subarray(n * 4096, (n + 1) * 4096))
    return problems.length > 0
  })
  const [few, all] = [noticed(15), noticed()]
  assert.ok(few.length < all.length && few.length <= 17, `${few.length} and ${all.length} of ${pages} pages`)
  writeFileSync(file, whole.subarray(0, Math.floor(pages / 2) * 4096))
  assert.ok(look(false, 15).length > 0, 'a file that is too short is read in whole')
})

test('a start that fails for another reason than the file is no bad life', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-damage-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  mkdirSync(path.join(directory, 'buffer.mdb'))
  await assert.rejects(openLmdbBuffer({ directory }), { code: 'unavailable' })
  assert.equal(existsSync(path.join(directory, 'running')), false)
})

test('the damaged file is kept until the mended one has lived well', async (t) => {
  const { directory, file } = await killed(t)
  truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096)
  const gone = async (holds: () => boolean) => { while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 5) }) }
  const first = openMended(directory, { settledMs: 5 })
  await gone(() => readFileSync(path.join(directory, 'running'), 'utf8') === '1')
  assert.ok(existsSync(`${file}.damaged`), 'a day has not passed')
  first.life.end()
  await first.store.close()
  const second = openMended(directory, { settledMs: 5, keepDamagedMs: 5 })
  await gone(() => !existsSync(`${file}.damaged`))
  second.life.end()
  await second.store.close()
})
