import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createFileFetcher } from '../../../edge/file-fetcher.ts'
import { topics } from '../../../registry/domain/contract/batch.ts'
import { FILE_PIECE_BYTES, type FilePiece, type FileRequest } from '../../../registry/domain/contract/gateway-report.ts'

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const signal = new AbortController().signal

/** A platform that answers as `answer` says, to a gateway that waits 20 ms for a piece. */
function platform(answer: (request: FileRequest, asked: number) => Partial<FilePiece> | null) {
  const fetcher = createFileFetcher({ site: 'works', gateway: 'gw-1', patienceMs: 20 })
  const asked: FileRequest[] = []
  fetcher.connected({
    closed: new Promise(() => {}), end: async () => {},
    publish(topic, payload) {
      assert.equal(topic, topics.fileRequest('works', 'gw-1'))
      const request = JSON.parse(Buffer.from(payload).toString()) as FileRequest
      asked.push(request)
      const piece = answer(request, asked.length)
      if (piece) setImmediate(() => fetcher.hear[topics.filePiece('works', 'gw-1')]?.(Buffer.from(JSON.stringify({ ...request, total: 0, piece: null, problem: null, ...piece }))))
    },
  })
  return { fetcher, asked }
}
const pieceOf = (bytes: Uint8Array, offset: number) => ({ total: bytes.length, piece: Buffer.from(bytes.subarray(offset, offset + FILE_PIECE_BYTES)).toString('base64') })

test('a file comes piece by piece; what does not come is asked for again', async () => {
  const bytes = randomBytes(2 * FILE_PIECE_BYTES + 17)
  const { fetcher, asked } = platform(({ offset }, n) => (n % 2 === 1 ? null : pieceOf(bytes, offset)))
  const got = await fetcher.fetch({ digest: digestOf(bytes), bytes: bytes.length }, signal)
  assert.deepEqual(Buffer.from(got), bytes)
  assert.deepEqual(asked.map(({ offset }) => offset / FILE_PIECE_BYTES), [0, 0, 1, 1, 2, 2])
})

test('one after another, and another after one that failed', async () => {
  const bytes = randomBytes(100)
  const other = randomBytes(50)
  const { fetcher } = platform(({ digest, offset }) => (digest === digestOf(other) ? pieceOf(other, offset) : { problem: 'no open order of this gateway names it' }))
  const [refused, got] = await Promise.allSettled([fetcher.fetch({ digest: digestOf(bytes), bytes: 100 }, signal), fetcher.fetch({ digest: digestOf(other), bytes: 50 }, signal)])
  assert.ok(refused.status === 'rejected')
  assert.match((refused.reason as Error).message, /no open order of this gateway names it/)
  assert.ok(got.status === 'fulfilled')
})

test('what is not what was asked for is refused: another length, other bytes, nothing', async () => {
  const bytes = randomBytes(100)
  const wrong = { code: 'digest_mismatch' }
  await assert.rejects(platform(() => pieceOf(randomBytes(100), 0)).fetcher.fetch({ digest: digestOf(bytes), bytes: 100 }, signal), wrong)
  await assert.rejects(platform(() => pieceOf(bytes, 0)).fetcher.fetch({ digest: digestOf(bytes), bytes: 101 }, signal), wrong)
  await assert.rejects(platform(() => ({ total: 100, piece: '' })).fetcher.fetch({ digest: digestOf(bytes), bytes: 100 }, signal), wrong)
})

test('without a connection it waits, until it is told to stop', async () => {
  const fetcher = createFileFetcher({ site: 'works', gateway: 'gw-1', patienceMs: 5 })
  const stop = new AbortController()
  const waiting = fetcher.fetch({ digest: digestOf(randomBytes(3)), bytes: 3 }, stop.signal)
  setTimeout(() => { stop.abort() }, 30)
  await assert.rejects(waiting, { name: 'AbortError' })
})
