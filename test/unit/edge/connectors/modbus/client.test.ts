import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { newCounters } from '../../../../../edge/connectors/modbus/counters.ts'
import type { ClientOptions } from '../../../../../edge/connectors/modbus/client.ts'
import type { ReadRequest } from '../../../../../edge/connectors/modbus/pdu.ts'
import { openRtuClient } from '../../../../../edge/connectors/modbus/rtu-client.ts'
import { serialLine } from '../../../../../edge/connectors/modbus/serial-line.ts'
import { openTcpClient } from '../../../../../edge/connectors/modbus/tcp-client.ts'
import { mbapFrame, memoryLine, rtuFrame } from '../../../../helpers/modbus.ts'

const never = new AbortController().signal
const at = (start: number, unit = 1): ReadRequest => ({ unit, table: 'holding', start, count: 1 })
const value = (n: number, unit = 1) => Uint8Array.of(unit, 3, 2, n >> 8, n & 255)
const soon = () => new Promise((resolve) => { setImmediate(resolve) })

async function opened(kind: typeof openTcpClient, over: Partial<ClientOptions> = {}) {
  const line = memoryLine()
  const counters = newCounters()
  const sent: Uint8Array[] = []
  const lost: string[] = []
  line.onSend = (bytes) => { sent.push(bytes) }
  const client = await kind(line.open, { timeoutMs: 60_000, pauseMs: 0, inFlight: 1, counters, nowUs: () => 7, onLost: (why) => { lost.push(why) }, ...over }, never)
  return { line, counters, sent, lost, client, transaction: (i: number) => ((sent[i]?.[0] ?? 0) << 8) | (sent[i]?.[1] ?? 0) }
}
const numberIn = (answer: Awaited<ReturnType<Awaited<ReturnType<typeof opened>>['client']['ask']>>) => (answer.kind === 'data' ? ((answer.data[0] ?? 0) << 8) | (answer.data[1] ?? 0) : answer.kind)

suite('a Modbus TCP client', () => {
  test('has one request under way at a time, or as many as it is told', async () => {
    const one = await opened(openTcpClient)
    const reads = [one.client.ask(at(0)), one.client.ask(at(1))]
    await soon()
    assert.equal(one.sent.length, 1)
    one.line.receive(mbapFrame(one.transaction(0), value(5)))
    await soon()
    one.line.receive(mbapFrame(one.transaction(1), value(6)))
    assert.deepEqual((await Promise.all(reads)).map(numberIn), [5, 6])

    const more = await opened(openTcpClient, { inFlight: 2 })
    const three = [more.client.ask(at(0)), more.client.ask(at(1)), more.client.ask(at(2))]
    await soon()
    assert.equal(more.sent.length, 2)
    // Answered in the other order: the transaction tells which is which.
    more.line.receive(Buffer.concat([mbapFrame(more.transaction(1), value(11)), mbapFrame(more.transaction(0), value(10))]))
    await soon()
    more.line.receive(mbapFrame(more.transaction(2), value(12)))
    assert.deepEqual((await Promise.all(three)).map(numberIn), [10, 11, 12])
  })

  test('a late answer never passes for the next one', async () => {
    const { client, line, counters, transaction } = await opened(openTcpClient, { timeoutMs: 5 })
    assert.equal((await client.ask(at(0))).kind, 'timeout')
    const next = client.ask(at(1))
    await soon()
    line.receive(mbapFrame(transaction(0), value(1)))
    line.receive(mbapFrame(transaction(1), value(2)))
    assert.equal(numberIn(await next), 2)
    assert.equal(counters.unexpected, 1)
  })

  test('an answer of another unit or another size is no answer', async () => {
    const { client, line, transaction } = await opened(openTcpClient)
    const other = client.ask(at(0))
    await soon()
    line.receive(mbapFrame(transaction(0), value(1, 9)))
    assert.deepEqual(await other, { kind: 'malformed', why: 'unit 9 answered for unit 1' })
    const short = client.ask(at(0))
    await soon()
    line.receive(mbapFrame(transaction(1), Uint8Array.of(1, 3, 1, 0)))
    assert.equal((await short).kind, 'malformed')
  })

  test('gives the connection up when what comes is not Modbus, and says so once', async () => {
    const { client, line, lost, counters } = await opened(openTcpClient)
    const read = client.ask(at(0))
    await soon()
    line.receive(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    assert.equal((await read).kind, 'closed')
    assert.ok(line.closed)
    line.receive(Buffer.from('HTTP'))
    assert.equal((await client.ask(at(0))).kind, 'closed')
    assert.deepEqual([lost.length, counters.malformed], [1, 1])
    assert.match(lost[0] ?? '', /not Modbus TCP/)
  })

  test('an answer that came while the process was held up is not called late', async () => {
    const { client, line, transaction } = await opened(openTcpClient, { timeoutMs: 150 })
    const read = client.ask(at(0))
    await soon()
    const heldUpUntil = performance.now() + 250
    // As a socket would hand it over: in the turn after the timers.
    setImmediate(() => { line.receive(mbapFrame(transaction(0), value(3))) })
    while (performance.now() < heldUpUntil);
    assert.equal(numberIn(await read), 3)
  })

  test('a lost line ends every read', async () => {
    const { client, line, lost } = await opened(openTcpClient, { inFlight: 2 })
    const reads = [client.ask(at(0)), client.ask(at(1)), client.ask(at(2))]
    await soon()
    line.end('gone')
    assert.deepEqual((await Promise.all(reads)).map(({ kind }) => kind), ['closed', 'closed', 'closed'])
    assert.deepEqual(lost, ['gone'])
  })
})

suite('a Modbus RTU client', () => {
  test('puts an answer together from pieces', async () => {
    const { client, line } = await opened(openRtuClient)
    const read = client.ask(at(0))
    await soon()
    for (const byte of rtuFrame(value(513))) line.receive(Uint8Array.of(byte))
    assert.equal(numberIn(await read), 513)
  })

  test('throws away what comes unasked, so that a late answer never passes for the next one', async () => {
    const { client, line, counters } = await opened(openRtuClient, { timeoutMs: 100 })
    assert.equal((await client.ask(at(0))).kind, 'timeout')
    line.receive(rtuFrame(value(1)))
    const next = client.ask(at(1))
    await soon()
    // Still within the rest after a failure: the question is not out yet.
    line.receive(rtuFrame(value(1)))
    assert.equal(counters.requests, 1)
    assert.equal((await next).kind, 'timeout')
    assert.equal(counters.requests, 2)
    assert.equal(counters.unexpected, 2)
  })

  test('a megabyte of noise before the answer is passed over', async () => {
    const { client, line } = await opened(openRtuClient)
    const read = client.ask(at(0))
    await soon()
    for (let i = 0; i < 64; i++) line.receive(Buffer.alloc(16_384, i))
    line.receive(rtuFrame(value(42)))
    assert.equal(numberIn(await read), 42)
  })

  test('says what to look at when only noise comes', async () => {
    const { client, line } = await opened(openRtuClient, { timeoutMs: 20 })
    const read = client.ask(at(0))
    await soon()
    line.receive(rtuFrame(value(1)).fill(0xaa, 3, 4))
    const answer = await read
    assert.equal(answer.kind, 'malformed')
    assert.match(answer.kind === 'malformed' ? answer.why : '', /baud rate and parity/)
  })
})

test('a missing serial package is named with its cure, and nothing else of the gateway needs it', async () => {
  const settings = { path: '/dev/ttyS9', baudRate: 9_600, parity: 'none', dataBits: 8, stopBits: 1 } as const
  await assert.rejects(
    serialLine(settings, () => Promise.reject(new Error("Cannot find package 'serialport'\nmore")))({ data: () => {}, closed: () => {} }, never),
    /\/dev\/ttyS9 needs the npm package serialport.*npm install serialport@13\.0\.0.*rtu-over-tcp/)
})
