import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import type { DurableBuffer } from '../../../edge/buffer/buffer.ts'
import { openLmdbBuffer } from '../../../edge/buffer/lmdb-buffer.ts'
import { createGapBook, type GapBook, type NewGap } from '../../../edge/gap-book.ts'
import { DomainError } from '../../../registry/domain/errors.ts'

async function open(t: TestContext): Promise<{ directory: string; buffer: DurableBuffer; gaps: GapBook }> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-gaps-'))
  const buffer = await openLmdbBuffer({ directory })
  t.after(async () => {
    await buffer.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { directory, buffer, gaps: createGapBook(buffer) }
}
const loss = (given: Partial<NewGap> = {}): NewGap => ({ cause: 'buffer_full', tag: 'pump-1/a', source: 'plc', fromUs: 1_000_000, toUs: 2_000_000, lost: 5, ...given })

test('losses that follow closely are one gap; what the platform has leaves, but the newest, which may grow', async (t) => {
  const { buffer, gaps } = await open(t)
  await buffer.drop([], { rows: 5, records: gaps.note([loss(), loss({ fromUs: 3_000_000, toUs: 4_000_000 })]) })
  const [one, ...others] = gaps.unconfirmed(10)
  assert.deepEqual([one?.fromUs, one?.toUs, one?.lost, one?.revision, others.length], [1_000_000, 4_000_000, 10, 2, 0])
  await gaps.confirm([{ id: one?.id ?? '', revision: 2 }])
  await buffer.write(gaps.note([loss({ fromUs: 1e9, toUs: 1e9 })]))
  assert.equal(gaps.unconfirmed(10).length, 1)
  assert.equal(createGapBook(buffer).unconfirmed(10).length, 1)
})

test('two times off are two gaps, however near: the gateway ran between them', async (t) => {
  const { buffer, gaps } = await open(t)
  const off = (fromUs: number, toUs: number): NewGap => ({ cause: 'gateway_off', fromUs, toUs, lost: null })
  await buffer.write(gaps.note([off(1e6, 2e6), off(60e6, 73e6)]))
  assert.deepEqual(gaps.unconfirmed(10).map(({ fromUs, toUs }) => [fromUs, toUs]), [[1e6, 2e6], [60e6, 73e6]])
})

test('a loss that the disk did not take has not happened: told again, it counts once', async (t) => {
  const { buffer, gaps } = await open(t)
  const records = gaps.note([loss()])
  const failing = (): never => { throw new DomainError('unavailable', 'no room; make some') }
  await assert.rejects(buffer.write(() => {
    if (typeof records === 'function') records()
    return failing()
  }), { code: 'unavailable' })
  assert.deepEqual(gaps.unconfirmed(10), [])
  await buffer.write(records)
  assert.equal(gaps.unconfirmed(10)[0]?.lost, 5)
})

test('an open gap is closed although losses of the same place were noted meanwhile, and after a restart', async (t) => {
  const { buffer, gaps } = await open(t)
  const where = { tag: 'pump-1/a', source: 'plc' }
  await gaps.open('source_silent', where, 1_000_000)
  await buffer.write(gaps.note([loss({ cause: 'source_silent', lost: 3 })]))
  await gaps.open('source_silent', where, 1_500_000)
  assert.equal(gaps.ongoing().length, 1)
  await gaps.close('source_silent', where, 9_000_000)
  assert.deepEqual(gaps.ongoing(), [])
  await gaps.open('clock', {}, 5_000_000)
  await gaps.open('source_silent', where, 10_000_000)
  const again = createGapBook(buffer)
  await again.closeAll(['source_silent'], 11_000_000, 'another')
  assert.equal(again.ongoing().length, 2)
  await again.closeAll(['source_silent', 'clock'], 11_000_000)
  assert.deepEqual(again.ongoing(), [])
  assert.equal(again.unconfirmed(10).find(({ cause }) => cause === 'clock')?.toUs, 11_000_000)
})
