import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import type { DurableBuffer } from '../../../edge/buffer/buffer.ts'
import { openLmdbBuffer } from '../../../edge/buffer/lmdb-buffer.ts'
import { createCutter, type Cutter } from '../../../edge/cutter.ts'
import { createGapBook } from '../../../edge/gap-book.ts'
import { encodeRawBlock } from '../../../edge/raw-entry.ts'
import { createRawReader } from '../../../edge/raw-reader.ts'
import { createRoomKeeper, type FullPolicy, type RoomKeeper } from '../../../edge/room-keeper.ts'
import { tagMapDigest, tagMapSchema } from '../../../edge/tag-map.ts'

const map = tagMapSchema.parse({ version: 1, tags: [{ address: 'a', tag: 'pump-1/a', unit: '1', canonicalUnit: '1' }] })
const ROWS = 20
const START_US = 1_700_000_000_000_000

interface Stage { readonly buffer: DurableBuffer; readonly cutter: Cutter; readonly room: RoomKeeper; fill(entries: number): Promise<void> }

async function stage(t: Pick<TestContext, 'after'>, policy: FullPolicy): Promise<Stage> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-room-'))
  const buffer = await openLmdbBuffer({ directory, capBytes: 20_000 })
  t.after(async () => {
    await buffer.close()
    rmSync(directory, { recursive: true, force: true })
  })
  await buffer.keepDocument(tagMapDigest(map), map)
  const gaps = createGapBook(buffer)
  const reader = createRawReader(buffer)
  const cutter = createCutter({
    buffer, reader, site: 'works', gateway: 'gw-1', gaps, sources: () => [{ id: 'plc', mode: 'live' }], nowUs: () => START_US, limits: { rows: 3 * ROWS, samples: 1_000, waitMs: 0, queued: 100 },
  })
  const room = createRoomKeeper({ buffer, reader, policy, gaps, inHand: (id) => cutter.inHand(id) })
  let filled = 0
  return {
    buffer, cutter, room,
    async fill(entries) {
      for (let i = 0; i < entries; i++) {
        const fromUs = START_US + filled++ * ROWS * 1_000
        const bytes = encodeRawBlock({
          kind: 'readings', source: 'plc', mode: 'live', mapDigest: tagMapDigest(map), gatewayUs: fromUs, completeThroughUs: null, addresses: ['a'], address: new Uint16Array(ROWS),
          sourceUs: Float64Array.from({ length: ROWS }, (_, n) => fromUs + n * 1_000), raw: Float64Array.from({ length: ROWS }, (_, n) => n), quality: new Uint16Array(ROWS),
        })
        await buffer.append([{ bytes, count: ROWS, mode: 'live', gatewayUs: fromUs, fromUs, toUs: fromUs + ROWS * 1_000 }])
      }
    },
  }
}

/** Every reading is in a batch or counted as lost, and the ledger has the losses. */
function accounted({ buffer }: Stage): void {
  const { appendedRows, batchRows, lostRows, rawRows } = buffer.stats()
  assert.equal(batchRows + lostRows + rawRows, appendedRows)
  assert.equal(buffer.records('gaps').reduce((sum, { value }) => sum + ((value as { lost: number | null }).lost ?? 0), 0), lostRows)
}

for (const policy of ['drop-oldest', 'thin'] as const) {
  test(`${policy}: what the cutter reads between a choice and its commit is not taken from it`, async (t) => {
    const on = await stage(t, policy)
    await on.fill(10)
    const made = on.room.make(on.buffer.room() + 1)
    // Until the choice, were it made before the transaction, would have been made.
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    await Promise.all([on.cutter.drain(), made])
    assert.equal(on.buffer.stats().rawRows, 0)
    accounted(on)
  })

  test(`${policy}: what the cutter has read stays, also what is not in a batch yet`, async (t) => {
    const on = await stage(t, policy)
    await on.fill(10)
    const cut = on.cutter.drain()
    const made = on.room.make(on.buffer.room() + 5_000)
    await Promise.all([cut, made])
    assert.equal(on.buffer.stats().lostRows, 0)
    accounted(on)
  })
}

test('whatever the order of filling, cutting, making room and expiring: nothing is refused, every reading is in a batch or a named loss', async () => {
  const step = fc.constantFrom('fill' as const, 'cut' as const, 'room' as const, 'expire' as const, 'wait' as const)
  await fc.assert(fc.asyncProperty(fc.constantFrom('drop-oldest' as const, 'thin' as const), fc.array(step, { minLength: 3, maxLength: 12 }), async (policy, steps) => {
    const after: (() => Promise<void>)[] = []
    const on = await stage({ after: (end) => { after.push(end as () => Promise<void>) } }, policy)
    try {
      await on.fill(6)
      let cutting: Promise<void> | undefined
      const others: Promise<unknown>[] = []
      for (const what of steps) {
        if (what === 'fill' && on.buffer.room() > 2_000) await on.fill(1)
        // One cutter, and one cut of it at a time.
        if (what === 'cut') cutting = (cutting ?? Promise.resolve()).then(() => on.cutter.drain())
        if (what === 'room') others.push(on.room.make(Math.min(20_000, Math.max(1, on.buffer.room()) + 1_500)))
        if (what === 'expire') others.push(on.room.expire(START_US + 3 * ROWS * 1_000))
        if (what === 'wait') for (let turn = 0; turn < 5; turn++) await Promise.resolve()
      }
      await Promise.all([cutting, ...others])
      await on.cutter.drain()
      accounted(on)
    } finally {
      for (const end of after) await end()
    }
  }), { numRuns: 15 })
})
