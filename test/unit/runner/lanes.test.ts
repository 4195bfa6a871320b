import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { root } from '../../../infra/setup/paths.mjs'
import { costOf, knownFiles } from '../../runner/costs.ts'
import { inLanes } from '../../runner/lanes.ts'

describe('files in lanes', () => {
  const some = fc.array(fc.record({ seconds: fc.nat(9), load: fc.constantFrom(0.5, 1, 3) }), { maxLength: 12 })

  it('are all run, once, within the room that there is, and one that is more than that alone', async () => {
    await fc.assert(fc.asyncProperty(some, fc.constantFrom(1, 2), async (items, room) => {
      const done: typeof items = []
      let [busy, running] = [0, 0]
      await inLanes(items, room, (item) => item, async (item) => {
        busy += item.load
        running++
        assert.ok(busy <= room || running === 1)
        for (let i = 0; i < item.seconds; i++) await turn()
        busy -= item.load
        running--
        done.push(item)
      })
      assert.deepEqual(new Set(done), new Set(items))
      assert.equal(done.length, items.length)
    }))
  })

  it('begin with the longest', async () => {
    const begun: number[] = []
    await inLanes([2, 9, 4, 9, 1], 1, (seconds) => ({ seconds, load: 1 }), async (seconds) => { begun.push(seconds); await turn() })
    assert.deepEqual(begun, [9, 9, 4, 2, 1])
  })

  it('end with an error of one of them', async () => {
    await assert.rejects(inLanes([1, 2], 2, () => ({ seconds: 1, load: 1 }), async (item) => { await turn(); if (item === 2) throw new Error('no disk') }), /no disk/)
  })
})

describe('what is known of files', () => {
  it('is of files that there are', () => {
    for (const file of knownFiles) assert.ok(existsSync(path.join(root, file)), `${file} is not there any more: take it out of test/runner/costs.ts`)
  })

  it('is a little of each, also of one that nobody has measured', () => {
    for (const file of [...knownFiles, 'test/stack/new.test.ts']) {
      const { seconds, load } = costOf(file)
      assert.ok(seconds > 0 && load > 0)
    }
  })
})
