import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { openLmdbBuffer } from '../../../edge/buffer/lmdb-buffer.ts'

const KILLS = 25

/** One life of the child: what it told before it was killed, some time after its first word. */
async function live(directory: string, afterMs: number): Promise<{ appended: number; acknowledged: number[] }> {
  const child = fork(path.join(import.meta.dirname, '../../helpers/buffer-child.ts'), [directory], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const told = { appended: 0, acknowledged: [] as number[] }
  const gone = new Promise<NodeJS.Signals | null>((resolve) => { child.once('exit', (_code, signal) => { resolve(signal) }) })
  child.on('message', (message: { opened?: number; appended?: number; acknowledged?: number[] }) => {
    if (message.opened !== undefined) setTimeout(() => child.kill('SIGKILL'), afterMs)
    if (message.appended !== undefined) told.appended = message.appended
    if (message.acknowledged) told.acknowledged.push(...message.acknowledged)
  })
  assert.equal(await gone, 'SIGKILL')
  return told
}

test(`killed ${KILLS} times at any moment, the buffer has every entry it promised, once, in order`, async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-kill-'))
  t.after(() => { rmSync(directory, { recursive: true }) })
  const acknowledged: number[] = []
  let promised = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const told = await live(directory, Math.random() * 120)
    promised = Math.max(promised, told.appended)
    acknowledged.push(...told.acknowledged)
    const buffer = await openLmdbBuffer({ directory })
    const raw = buffer.readRaw(0, 1e9).map(({ bytes }) => Number(Buffer.from(bytes ?? '').toString()))
    const batches = buffer.listBatches(0, 1e6)
    const queued = batches.map(({ key }) => JSON.parse(Buffer.from(buffer.batchBytes(key) ?? []).toString()) as number[])
    const stats = buffer.stats()
    assert.deepEqual([stats.rawEntries, stats.batches], [raw.length, batches.length])
    assert.equal(stats.appendedRows, buffer.position('next') === undefined ? 0 : (buffer.position('next') as number) - 1)
    const sequences = batches.map(({ sequence }) => sequence)
    assert.deepEqual(sequences, sequences.map((_, i) => buffer.nextSequence - sequences.length + i))
    assert.equal(buffer.state ?? 0, buffer.nextSequence - 1)
    // A batch may have been told as acknowledged and still be there: it ships again and is a duplicate.
    const delivered = new Set(acknowledged)
    const kept = [...queued.flat(), ...raw]
    assert.deepEqual(kept, [...new Set(kept)].sort((a, b) => a - b))
    const last = Math.max(0, ...kept, ...acknowledged)
    assert.ok(last >= promised, `entry ${promised} was promised, ${last} is the last there is`)
    for (let n = 1; n <= last; n++) assert.ok(delivered.has(n) || kept.includes(n), `entry ${n} is lost`)
    await buffer.close()
  }
  assert.ok(promised > 0)
})
