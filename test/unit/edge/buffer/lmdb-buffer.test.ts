import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { open } from 'lmdb'
import { openLmdbBuffer } from '../../../../edge/buffer/lmdb-buffer.ts'
import { bufferContract } from '../../../contracts/buffer.ts'

const entry = (text: string) => ({ bytes: Buffer.from(text), count: 1, mode: 'live' as const, gatewayUs: 0, fromUs: 0, toUs: 0 })
const temporary = () => mkdtempSync(path.join(os.tmpdir(), 'twinward-buffer-'))

bufferContract('the LMDB buffer', async (options) => {
  const directory = temporary()
  let buffer = await openLmdbBuffer({ directory, ...options })
  return {
    buffer,
    async reopen() {
      await buffer.close()
      buffer = await openLmdbBuffer({ directory, ...options })
      return buffer
    },
    async dispose() {
      await buffer.close()
      rmSync(directory, { recursive: true })
    },
  }
})

test('a copied buffer ships what is queued as it was, and begins another epoch', async (t) => {
  const directory = temporary()
  const copy = temporary()
  t.after(() => { for (const folder of [directory, copy]) rmSync(folder, { recursive: true }) })
  const original = await openLmdbBuffer({ directory })
  await original.append([entry('a')])
  await original.queueCut({ batches: [{ sequence: 1, kind: 'readings', count: 1, bytes: Buffer.from('A') }], rawIds: [1], state: { claims: 1 } })
  await original.close()
  cpSync(directory, copy, { recursive: true })
  const cloned = await openLmdbBuffer({ directory: copy })
  assert.notEqual(cloned.epoch, original.epoch)
  assert.equal(cloned.nextSequence, 1)
  assert.equal(cloned.state, undefined)
  assert.equal(cloned.listBatches(0, 1)[0]?.epoch, original.epoch)
  await cloned.close()
  const unmoved = await openLmdbBuffer({ directory })
  assert.equal(unmoved.epoch, original.epoch)
  await unmoved.close()
})

test('a buffer of an earlier version, its state within the record of counts, goes on with it', async (t) => {
  const directory = temporary()
  t.after(() => { rmSync(directory, { recursive: true }) })
  await (await openLmdbBuffer({ directory })).close()
  const root = open({ path: path.join(directory, 'buffer.mdb'), noSubdir: true, maxDbs: 12 })
  const facts = root.openDB<unknown, string>('facts', { encoding: 'json' })
  await facts.put('meta', { ...(facts.get('meta') as object), state: { claims: 7 } })
  await facts.remove('state')
  await root.close()
  for (let opening = 0; opening < 2; opening++) {
    const buffer = await openLmdbBuffer({ directory })
    assert.deepEqual(buffer.state, { claims: 7 })
    await buffer.close()
  }
})

test('a buffer opened again elsewhere is taken over; the former owner can write no more', async (t) => {
  const directory = temporary()
  t.after(() => { rmSync(directory, { recursive: true }) })
  const first = await openLmdbBuffer({ directory })
  await first.append([entry('a')])
  const second = await openLmdbBuffer({ directory })
  await assert.rejects(first.append([entry('b')]), { code: 'conflict' })
  await second.append([entry('c')])
  assert.equal(second.stats().appendedRows, 2)
  await second.close()
  await first.close()
})
