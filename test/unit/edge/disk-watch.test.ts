import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDiskWatch } from '../../../edge/disk-watch.ts'
import { DomainError } from '../../../registry/domain/errors.ts'

/** A disk that takes nothing until it is mended. */
function stage() {
  const disk = { full: true }
  const told: (string | null)[] = []
  let tell = () => {}
  const persist = createDiskWatch({ retryMs: 1, onChange: (problem) => { told.push(problem); tell() } })
  const write = async () => {
    if (disk.full) throw new DomainError('unavailable', 'the disk is full')
    return 'written'
  }
  return { disk, told, persist, write, complaint: () => new Promise<void>((resolve) => { tell = resolve }) }
}

test('a write waits for the disk; that it is mended is told when one has succeeded', async () => {
  const { disk, told, persist, write, complaint } = stage()
  const complained = complaint()
  const writing = persist(write, new AbortController().signal)
  await complained
  disk.full = false
  assert.equal(await writing, 'written')
  assert.equal(told.at(-1), null)
  assert.equal(told.filter((one) => one === null).length, 1)
  await persist(write, new AbortController().signal)
  assert.equal(told.filter((one) => one === null).length, 1, 'told once')
})

test('who stops waiting has seen no mended disk: the trouble stands until a write succeeds', async () => {
  const { disk, told, persist, write, complaint } = stage()
  const abort = new AbortController()
  const complained = complaint()
  const writing = persist(write, abort.signal)
  await complained
  abort.abort()
  await assert.rejects(writing)
  assert.ok(told.length > 0 && !told.includes(null), 'nobody says that it is mended')
  disk.full = false
  await persist(write, new AbortController().signal)
  assert.equal(told.at(-1), null)
})

test('what is wrong otherwise is not waited for', async () => {
  const { told, persist } = stage()
  await assert.rejects(persist(async () => { throw new DomainError('conflict', 'taken over') }, new AbortController().signal), { code: 'conflict' })
  assert.deepEqual(told, [])
})
