import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { createScoreLog, type LogPlace } from '../../../../edge/judge/score-log.ts'
import { judgedWindowExample, type JudgedWindow } from '../../../../registry/domain/contract/judged-window.ts'
import { effort } from '../../../helpers/effort.ts'

const DAY_US = 86_400_000_000
const window = (i: number): JudgedWindow => ({ ...judgedWindowExample, endUs: i })

async function inFolder<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-score-log-'))
  try {
    return await work(path.join(directory, 'scores'))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Files of a folder that this process has open; none where the system does not tell. */
function openIn(directory: string): string[] {
  const descriptors = process.platform === 'linux' ? readdirSync('/proc/self/fd') : []
  return descriptors.flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)]
    } catch {
      return []
    }
  }).filter((file) => file.startsWith(directory))
}

test('what was appended is read once, in order, however it was split over days, restarts and reads, and whatever a power cut left of a line', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 0, max: 30 }) }),
    fc.record({ kind: fc.constant('read' as const), limit: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constantFrom('restart' as const, 'next-day' as const, 'day-before' as const, 'torn' as const) }))
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), (steps) => inFolder(async (directory) => {
    let nowUs = 1_772_366_400_000_000
    let log = createScoreLog(directory, () => nowUs)
    let place: LogPlace | null = null
    let [written, read] = [0, 0]
    const take = async (limit: number) => {
      const found = await log.read(place, limit)
      assert.deepEqual(found.map(({ window: { endUs } }) => endUs), Array.from({ length: Math.min(limit, written - read) }, (_, i) => read + i))
      place = found.at(-1)?.next ?? place
      read += found.length
    }
    for (const one of steps) {
      if (one.kind === 'append') await log.append(Array.from({ length: one.count }, () => window(written++)))
      else if (one.kind === 'read') await take(one.limit)
      else {
        const newest = one.kind === 'torn' && written > 0 ? readdirSync(directory).sort().at(-1) : undefined
        if (newest !== undefined) appendFileSync(path.join(directory, newest), '{"asset":"pump-1","endUs":1')
        if (one.kind === 'next-day') nowUs += DAY_US
        else if (one.kind === 'day-before') nowUs -= DAY_US
        else {
          await log.close()
          log = createScoreLog(directory, () => nowUs)
        }
      }
    }
    await take(10_000)
    assert.equal(read, written)
    await log.close()
    assert.deepEqual(openIn(directory), [])
  })), { numRuns: effort(40) })
})

test('days that are over are removed; nothing there is nothing read', () => inFolder(async (directory) => {
  let nowUs = 1_772_366_400_000_000
  const log = createScoreLog(directory, () => nowUs)
  assert.deepEqual(await log.read(null, 10), [])
  await log.prune(nowUs, null)
  await log.append([window(1)])
  nowUs += 3 * DAY_US
  await log.append([window(2)])
  const [first] = await log.read(null, 10)
  await log.prune(nowUs - DAY_US, { file: 1, at: 0 })
  assert.equal((await log.read(null, 10)).length, 2, 'what the platform has not seen stays')
  await log.prune(nowUs - DAY_US, null)
  assert.deepEqual((await log.read(null, 10)).map(({ window: { endUs } }) => endUs), [2])
  assert.deepEqual((await log.read(first?.next ?? null, 10)).map(({ window: { endUs } }) => endUs), [2], 'a place whose file is gone goes on with the next')
  await log.close()
}))
