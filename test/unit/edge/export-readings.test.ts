import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packReadings } from '../../../edge/connectors/blocks.ts'
import { exportReadings } from '../../../edge/export-readings.ts'
import { createNormaliser } from '../../../edge/normalise.ts'
import { encodeRawBlock } from '../../../edge/raw-entry.ts'
import { createRawReader } from '../../../edge/raw-reader.ts'
import type { RawEntry } from '../../../edge/buffer/buffer.ts'
import { tagMapDigest, tagMapSchema } from '../../../edge/tag-map.ts'
import { BAD } from '../../../registry/domain/contract/quality.ts'

const map = tagMapSchema.parse({ version: 1, tags: [{ address: 'f', tag: 'pump-1/temp', unit: '[degF]', canonicalUnit: 'Cel' }, { address: 'g', tag: 'pump-1/flow', unit: 'm3/h', canonicalUnit: 'm3/h' }] })
const mapDigest = tagMapDigest(map)
const normaliser = createNormaliser(map)
const reader = createRawReader({ document: () => map })

const entry = (id: number, second: number, raw: number | null = 212): RawEntry => {
  const sourceUs = second * 1_000_000
  const block = packReadings([{ address: 'f', sourceUs, raw: raw ?? NaN, quality: raw === null ? BAD : 0 }, { address: 'g', sourceUs, raw: 1, quality: 0 }])
  if (block.kind !== 'readings') throw new Error('readings')
  const bytes = encodeRawBlock({ ...normaliser.byMap(block), source: 's', mode: 'live', mapDigest, gatewayUs: sourceUs, completeThroughUs: null })
  return { id, bytes, count: 2, mode: 'live', gatewayUs: sourceUs, fromUs: sourceUs, toUs: sourceUs, thinned: false }
}

test('what is cut while it is exported is there once, in whatever order it is cut; a reading that is bad says so', async () => {
  // Newer ones are cut first, as with live-first: the queue holds lower ids than the raw store.
  const archive = [entry(5, 50), entry(6, 60)]
  let queue = [entry(1, 10), entry(2, 20, null), entry(7, 70)]
  let asked = 0
  const buffer = {
    readArchive: (fromUs: number, toUs: number, after: number) => archive.filter(({ id, fromUs: at }) => id > after && at >= fromUs && at <= toUs).sort((a, b) => a.id - b.id).slice(0, 1),
    readRaw(after: number) {
      // After the first has been read, the cutter takes all that waits.
      if (asked++ === 1) {
        archive.push(...queue)
        queue = []
      }
      return queue.filter(({ id }) => id > after).slice(0, 1)
    },
  }
  const lines = async (tags?: ReadonlySet<string>, fromUs = 0, toUs = Infinity) => {
    let text = ''
    for await (const part of exportReadings(buffer, reader, { fromUs, toUs, ...(tags && { tags }) })) text += part
    return text.trimEnd().split('\n').slice(1).map((line) => line.split(','))
  }
  const exported = await lines(new Set(['pump-1/temp']))
  assert.deepEqual(exported.map(([time]) => Number(time?.slice(17, 19)) + 60 * Number(time?.slice(14, 16))).sort((a, b) => a - b), [10, 20, 50, 60, 70])
  assert.deepEqual(exported.find(([time]) => time?.includes(':50'))?.slice(1, 5).map((part, i) => (i === 1 ? Number(part).toFixed(6) : part)), ['pump-1/temp', '100.000000', 'Cel', 'good'])
  assert.deepEqual(exported.find(([time]) => time?.includes(':20'))?.slice(2), ['', 'Cel', 'bad'])
  assert.deepEqual((await lines(undefined, 60_000_000, 60_000_000)).map(([, tag]) => tag).sort(), ['pump-1/flow', 'pump-1/temp'])
})
