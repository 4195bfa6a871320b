import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Closed } from '../../../../../edge/connectors/modbus/client.ts'
import { newCounters } from '../../../../../edge/connectors/modbus/counters.ts'
import type { Answer, ReadRequest } from '../../../../../edge/connectors/modbus/pdu.ts'
import { openRtuClient } from '../../../../../edge/connectors/modbus/rtu-client.ts'
import { openTcpClient } from '../../../../../edge/connectors/modbus/tcp-client.ts'
import { effort } from '../../../../helpers/effort.ts'
import { mbapFrame, memoryLine, rtuFrame, slowCrc } from '../../../../helpers/modbus.ts'

const FRAMES = 100
const RUNS = effort(500)
const BYTES_A_FRAME = 8
const never = new AbortController().signal
const request: ReadRequest = { unit: 1, table: 'holding', start: 0, count: 4 }
const good = Uint8Array.of(1, 3, 8, 0, 1, 0, 2, 0, 3, 0, 4)
const refusal = Uint8Array.of(1, 0x83, 2)

/** What becomes of one damaged frame; `pending`: not an answer yet, in life a timeout. */
type Fate = 'data' | 'exception' | 'malformed' | 'lost' | 'unexpected' | 'pending'

/** A good frame with a part of it changed, cut off, doubled or lengthened, a length that lies, or something else altogether. */
function damaged(frame: Buffer, refusal: Buffer, [how = 0, at = 0, byte = 0, ...rest]: readonly number[]): Buffer {
  const changed = (place: number, value: number) => Buffer.from(frame.map((old, i) => (i === place % frame.length ? value : old)))
  switch (how % 10) {
    case 0: case 1: case 2: return changed(at, byte)
    case 3: return changed(at % 10, byte % 6)
    case 4: return frame.subarray(0, at % frame.length)
    case 5: return Buffer.concat([frame, Buffer.from(rest)])
    case 6: return Buffer.from([at, byte, ...rest].slice(0, 1 + (how >> 5)))
    case 7: return Buffer.concat([frame.subarray(0, 4), Buffer.from([byte > 250 ? 1 : 0, byte]), Buffer.alloc(at, byte)])
    case 8: return Buffer.concat([Buffer.from(rest), frame])
    default: return Buffer.concat([refusal.subarray(0, 12 - (at % 4)), Buffer.from(rest.slice(0, byte % 3))])
  }
}

/** What the specification makes of `bytes`, worked out apart from the client. */
function fateOverTcp(bytes: Buffer, transaction: number, before: Fate = 'pending'): Fate {
  if (bytes.length < 7) return before
  const length = bytes.readUInt16BE(4)
  if (bytes.readUInt16BE(2) !== 0 || length < 3 || length > 254) return 'lost'
  if (bytes.length < 6 + length) return before
  if (bytes.readUInt16BE(0) !== transaction) return fateOverTcp(bytes.subarray(6 + length), transaction, 'unexpected')
  if (bytes[6] !== 1) return 'malformed'
  if (bytes[7] === 0x83) return length === 3 ? 'exception' : 'malformed'
  return bytes[7] === 3 && bytes[8] === 8 && length === 11 ? 'data' : 'malformed'
}

function fateOverRtu(bytes: Buffer): Fate {
  for (let at = 0; at < bytes.length; at++) {
    for (const [size, fate] of [[11, 'data'], [3, 'exception']] as const) {
      const head = [...bytes.subarray(at, at + (fate === 'data' ? 3 : 2))].join()
      if (head !== (fate === 'data' ? '1,3,8' : '1,131') || at + size + 2 > bytes.length) continue
      if (slowCrc(bytes.subarray(at, at + size)) === bytes.readUInt16LE(at + size)) return fate
    }
  }
  return 'pending'
}

const turns = async () => { for (let i = 0; i < 6; i++) await Promise.resolve() }

for (const [name, openClient, frameOf, fateOf] of [
  ['tcp', openTcpClient, (transaction: number, body: Uint8Array) => mbapFrame(transaction, body), fateOverTcp],
  ['rtu', openRtuClient, (_: number, body: Uint8Array) => rtuFrame(body), fateOverRtu],
] as const) {
  test(`${RUNS * FRAMES} damaged frames over ${name}: each has the fate it must have, and is counted`, async (t) => {
    const fates: Record<string, number> = {}
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: FRAMES * BYTES_A_FRAME, maxLength: FRAMES * BYTES_A_FRAME }), async (seeds) => {
      for (let i = 0; i < seeds.length; i += BYTES_A_FRAME) {
        const counters = newCounters()
        const line = memoryLine()
        let transaction = 0
        let lost = false
        line.onSend = (sent) => { transaction = ((sent[0] ?? 0) << 8) | (sent[1] ?? 0) }
        const client = await openClient(line.open, { timeoutMs: 60_000, pauseMs: 0, inFlight: 1, counters, nowUs: () => 0, onLost: () => { lost = true } }, never)
        let answer: Answer | Closed | null = null
        const read = client.ask(request).then((got) => { answer = got })
        await turns()
        const bytes = damaged(frameOf(transaction, good), frameOf(transaction, refusal), [...seeds.subarray(i, i + BYTES_A_FRAME)])
        line.receive(bytes)
        await turns()
        const got = answer as Answer | Closed | null
        const fate: Fate = got !== null && got.kind !== 'closed' && got.kind !== 'timeout' ? got.kind : lost ? 'lost' : counters.unexpected > 0 ? 'unexpected' : 'pending'
        assert.equal(fate, fateOf(bytes, transaction), bytes.toString('hex'))
        if (fate === 'lost') assert.equal(counters.malformed, 1)
        if (name === 'rtu' && got?.kind === 'data') assert.deepEqual([...got.data], [...good.subarray(3)])
        fates[fate] = (fates[fate] ?? 0) + 1
        // In life, what is pending would time out.
        client.close()
        await read
      }
    }), { numRuns: RUNS })
    t.diagnostic(JSON.stringify(fates))
    assert.equal(Object.values(fates).reduce((sum, n) => sum + n, 0), RUNS * FRAMES)
    for (const fate of name === 'tcp' ? ['data', 'exception', 'malformed', 'lost', 'unexpected', 'pending'] : ['data', 'exception', 'pending']) assert.ok((fates[fate] ?? 0) > 0, `none was ${fate}`)
  })
}
