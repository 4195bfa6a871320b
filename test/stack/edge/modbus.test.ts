import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { ServerTCP } from 'modbus-serial'
import { modbusTcp } from '../../../edge/connectors/modbus/index.ts'
import type { Source } from '../../../edge/source.ts'
import { BAD, GOOD, qualityReasons, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import { createCollectingOutlet, type CollectingOutlet } from '../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../helpers/connector-context.ts'
import { coilValue, mbapFrame, registerValue, rtuFrame, startDevice, type Asked, type TestDevice } from '../../helpers/modbus.ts'

const DEVICE = BAD | qualityReasons.device
const SILENT = BAD | qualityReasons.communication
const quick = { every: '20ms', timeout: '150ms', backoff: { first: '100ms', most: '400ms' }, retryRefused: '150ms' }
const registers = (unit: number, from: number, n: number) => Array.from({ length: n }, (_, i) => `${unit}:holding:${from + i}:uint16`)

interface Running { readonly outlet: CollectingOutlet; readonly source: Source; readonly ended: Promise<void>; stop(): Promise<void> }

function run(source: Source, outlet = createCollectingOutlet()): Running {
  const abort = new AbortController()
  const ended = source.run(outlet, abort.signal)
  // Looked at by the test, or by `stop`.
  ended.catch(() => {})
  return {
    source, outlet, ended,
    async stop() {
      abort.abort()
      await ended.catch(() => {})
      checkClaims(outlet)
    },
  }
}

/** What was called complete stays complete: nothing of that time or before is delivered later. */
function checkClaims({ deliveries }: CollectingOutlet): void {
  let claimed = -Infinity
  for (const { blocks, completeThroughUs } of deliveries) {
    for (const block of blocks) if (block.kind === 'readings') for (const time of block.sourceUs) assert.ok(time > claimed, `a reading of ${time} after ${claimed} was complete`)
    claimed = Math.max(claimed, completeThroughUs ?? -Infinity)
  }
}

const make = (device: { port: number }, addresses: Parameters<typeof connectorContext>[0], config: object = {}) =>
  modbusTcp.create(modbusTcp.config.parse({ host: '127.0.0.1', port: device.port, ...quick, ...config }), connectorContext(addresses))

async function withDevice(framing: 'tcp' | 'rtu-over-tcp', body: (device: TestDevice) => Promise<void>): Promise<void> {
  const device = await startDevice(framing)
  try {
    await body(device)
  } finally {
    await device.stop()
  }
}
const good = (outlet: CollectingOutlet, address: string) => outlet.readings(address).filter(({ quality }) => quality === GOOD)
const rounds = (running: Running, address: string, n: number) => running.outlet.until(() => good(running.outlet, address).length >= n)
const counter = (source: Source, name: string) => source.health?.().counters[name] ?? -1

test('reads every table and type from a server of another make', async () => {
  const words = Buffer.alloc(200)
  words.writeInt16BE(-5, 0)
  words.writeFloatBE(123.5, 2)
  words.writeFloatBE(-2.25, 6)
  words.subarray(6, 10).swap16().reverse().swap16()
  words.writeBigUInt64BE(2n ** 60n + 1n, 10)
  words.writeDoubleBE(Math.E, 18)
  words.writeUInt16BE(0x1234, 26)
  words.writeUInt16BE(0b1000, 28)
  const wordAt = (address: number) => words.readUInt16BE(2 * address)
  const swapped = Buffer.alloc(4)
  swapped.writeFloatBE(-2.25)
  words.writeUInt16BE(swapped.readUInt16BE(2), 6)
  words.writeUInt16BE(swapped.readUInt16BE(0), 8)
  const server = new ServerTCP({
    getHoldingRegister: (address: number) => wordAt(address), getInputRegister: (address: number, unit: number) => registerValue(unit, address),
    getCoil: (address: number) => address % 2 === 0, getDiscreteInput: (address: number) => address % 2 === 1,
  }, { host: '127.0.0.1', port: 0, unitID: 7 })
  await once(server, 'initialized')
  const port = ((server as unknown as { _server: { address(): { port: number } } })._server).address().port
  const expected: Record<string, [number, number]> = {
    '7:holding:0:int16': [-5, GOOD], '7:holding:1:float32': [123.5, GOOD], '7:holding:3:float32:CDAB': [-2.25, GOOD], '7:40006:uint64': [2 ** 60, UNCERTAIN],
    '7:holding:9:float64': [Math.E, GOOD], '7:holding:13:bcd16': [1_234, GOOD], '7:holding:14:uint16:bit3': [1, GOOD], '7:holding:14:uint16:bit2': [0, GOOD],
    '7:input:30:uint16': [7_030, GOOD], '7:coil:4': [1, GOOD], '7:coil:5': [0, GOOD], '7:discrete:5:bool': [1, GOOD],
  }
  const running = run(make({ port }, Object.keys(expected)))
  try {
    const beforeUs = Date.now() * 1_000
    await running.outlet.until(() => Object.keys(expected).every((address) => running.outlet.readings(address).length >= 3))
    for (const [address, [raw, quality]] of Object.entries(expected)) {
      for (const reading of running.outlet.readings(address)) assert.deepEqual([reading.raw, reading.quality], [raw, quality], address)
    }
    assert.deepEqual({ ...running.source.health?.(), counters: {} }, { state: 'ok', detail: null, counters: {} })
    const times = running.outlet.readings('7:coil:4').map(({ sourceUs }) => sourceUs)
    assert.ok(times.every((time) => time >= beforeUs - 1_000_000 && time <= Date.now() * 1_000))
    assert.ok(running.outlet.deliveries.every(({ completeThroughUs }) => completeThroughUs !== undefined))
  } finally {
    await running.stop()
    await new Promise((resolve) => { server.close(resolve) })
  }
})

suite('requests', () => {
  test('are few, and never of two units or tables', () => withDevice('tcp', async (device) => {
    const running = run(make(device, [...registers(1, 0, 130), ...registers(2, 0, 3), '1:input:0:uint16', '1:coil:0', '1:coil:100', '2:coil:0']))
    await rounds(running, '1:coil:100', 1)
    await rounds(running, '2:coil:0', 1)
    await running.stop()
    const shapes = new Set(device.asked.map((asked) => `${asked.unit} ${asked.function} ${asked.start}+${asked.count}`))
    assert.deepEqual([...shapes].sort(), ['1 1 0+101', '1 3 0+125', '1 3 125+5', '1 4 0+1', '2 1 0+1', '2 3 0+3'])
    assert.deepEqual(good(running.outlet, '1:holding:129:uint16')[0]?.raw, registerValue(1, 129))
    assert.deepEqual(good(running.outlet, '1:coil:100')[0]?.raw, coilValue(100))
  }))

  test('each interval has its own, at its own rate', () => withDevice('tcp', async (device) => {
    const running = run(make(device, [{ address: '1:holding:0:uint16', everyMs: 20 }, { address: '1:holding:1:uint16', everyMs: 200 }]))
    await rounds(running, '1:holding:1:uint16', 4)
    await running.stop()
    assert.ok(device.asked.every(({ count }) => count === 1))
    const [fast, slow] = [good(running.outlet, '1:holding:0:uint16'), good(running.outlet, '1:holding:1:uint16')]
    // Three slow intervals hold thirty fast ones; those that came late were counted.
    assert.ok(fast.length + counter(running.source, 'polls_missed') >= 30 && slow.length < fast.length, `${fast.length} fast, ${slow.length} slow`)
  }))

  test('one bad register takes no neighbour down; the split outlives the connection', () => withDevice('tcp', async (device) => {
    device.behave = ({ start, count }) => (start <= 50 && 50 < start + count ? { exception: 2 } : 'value')
    const source = make(device, registers(1, 0, 100), { retryRefused: '1h' })
    const running = run(source)
    await rounds(running, '1:holding:99:uint16', 3)
    assert.deepEqual(running.outlet.readings('1:holding:50:uint16').map(({ raw, quality }) => [raw, quality]), [[NaN, DEVICE]])
    for (const address of registers(1, 0, 100)) if (address !== '1:holding:50:uint16') assert.ok(good(running.outlet, address).length >= 2, address)
    const health = source.health?.()
    assert.equal(health?.state, 'degraded')
    assert.match(health?.detail ?? '', /1:holding:50:uint16 is refused \(exception 2: illegal data address\)/)
    device.hangUp()
    await assert.rejects(running.ended, /is lost/)
    device.asked.length = 0
    const again = run(source)
    await rounds(again, '1:holding:99:uint16', 2)
    await again.stop()
    assert.deepEqual([...new Set(device.asked.map(({ start, count }) => `${start}+${count}`))], ['0+50', '51+49'])
  }))

  test('a refused register that appears is found again', () => withDevice('tcp', async (device) => {
    let there = false
    device.behave = ({ start, count }) => (!there && start <= 1 && 1 < start + count ? { exception: 2 } : 'value')
    const running = run(make(device, registers(1, 0, 3)))
    await rounds(running, '1:holding:2:uint16', 2)
    there = true
    await rounds(running, '1:holding:1:uint16', 2)
    await running.stop()
    assert.equal(running.source.health?.().counters['addresses_refused'], 0)
  }))

  test('exceptions become qualities, told once', () => withDevice('tcp', async (device) => {
    const code: Record<number, number> = { 0: 1, 200: 4, 400: 6, 600: 0x2a }
    device.behave = ({ start }) => (code[start] === undefined ? 'value' : { exception: code[start] })
    const running = run(make(device, ['1:holding:0:uint16', '1:holding:200:uint16', '1:holding:400:uint16', '1:holding:600:uint16', '1:holding:800:uint16'], { retryRefused: '1h' }))
    await rounds(running, '1:holding:800:uint16', 3)
    await running.stop()
    const told = (register: number) => running.outlet.readings(`1:holding:${register}:uint16`).map(({ quality }) => quality)
    assert.deepEqual([told(0), told(200), told(400), told(600)], [[DEVICE], [DEVICE], [BAD | qualityReasons.missing], [DEVICE]])
  }))
})

suite('units', () => {
  for (const [name, config] of [['one request at a time', {}], ['two under way', { inFlight: 2 }], ['a connection each', { connection: 'per-unit' }]] as const) {
    test(`a dead one does not slow the others, and is found again: ${name}`, () => withDevice('tcp', async (device) => {
      let dead = false
      device.behave = ({ unit }) => (dead && unit === 9 ? 'silence' : 'value')
      const running = run(make(device, ['1:holding:0:uint16', '9:holding:0:uint16', '9:holding:500:uint16'], { ...config, backoff: { first: '400ms', most: '2s' } }))
      await rounds(running, '9:holding:500:uint16', 2)
      dead = true
      await running.outlet.until(() => running.outlet.readings('9:holding:0:uint16').at(-1)?.quality === SILENT)
      const from = device.asked.length
      await rounds(running, '1:holding:0:uint16', good(running.outlet, '1:holding:0:uint16').length + 30)
      const since = device.asked.slice(from)
      const wasted = since.filter(({ unit }) => unit === 9).length
      assert.ok(wasted <= since.length / 3, `${wasted} of ${since.length} requests went to the dead unit`)
      const health = running.source.health?.()
      assert.deepEqual([health?.state, health?.counters['units_silent']], ['degraded', 1])
      assert.match(health?.detail ?? '', /unit 9 does not answer/)
      if (!('connection' in config)) assert.equal(device.connections(), 1)
      else assert.equal(device.connections(), 2)

      dead = false
      const before = good(running.outlet, '9:holding:500:uint16').length
      await rounds(running, '9:holding:500:uint16', before + 2)
      await running.stop()
      for (const address of ['9:holding:0:uint16', '9:holding:500:uint16']) assert.equal(running.outlet.readings(address).filter(({ quality }) => quality === SILENT).length, 1, address)
      assert.equal(running.outlet.readings('1:holding:0:uint16').filter(({ quality }) => quality !== GOOD).length, 0)
      assert.ok(counter(running.source, 'timeouts') > 0 && counter(running.source, 'polls_missed') > 0)
    }))
  }

  test('with two under way, others are asked while one keeps everybody waiting', () => withDevice('tcp', async (device) => {
    device.behave = ({ unit }) => (unit === 9 ? 'silence' : 'value')
    const running = run(make(device, ['1:holding:0:uint16', '9:holding:0:uint16'], { inFlight: 2, timeout: '2s' }))
    // The first question to unit 9 is still open.
    await rounds(running, '1:holding:0:uint16', 5)
    assert.equal(counter(running.source, 'timeouts'), 0)
    assert.equal(device.asked.filter(({ unit }) => unit === 9).length, 1)
    await running.stop()
  }))

  test('a connection of one that ends is made again, and no other notices', () => withDevice('tcp', async (device) => {
    let hangUps = 2
    device.behave = ({ unit }) => (unit === 9 && hangUps-- > 0 ? 'hang up' : 'value')
    const running = run(make(device, ['1:holding:0:uint16', '9:holding:0:uint16'], { connection: 'per-unit' }))
    await rounds(running, '9:holding:0:uint16', 2)
    await rounds(running, '1:holding:0:uint16', 5)
    await running.stop()
    assert.ok(device.connections() >= 4)
    assert.equal(running.outlet.readings('1:holding:0:uint16').filter(({ quality }) => quality !== GOOD).length, 0)
  }))

  test('behind a gateway that says they are silent they rest too, and the source stays up', () => withDevice('tcp', async (device) => {
    device.behave = () => ({ exception: 11 })
    const running = run(make(device, ['5:holding:0:uint16'], { backoff: { first: '20ms', most: '40ms' } }))
    await running.outlet.until(() => running.outlet.readings().length === 1)
    assert.equal(running.outlet.readings()[0]?.quality, SILENT)
    for (let asked = 0; asked < 8; asked = device.asked.length) await new Promise((resolve) => { setTimeout(resolve, 20) })
    device.behave = () => 'value'
    await rounds(running, '5:holding:0:uint16', 2)
    await running.stop()
    assert.equal(device.connections(), 1)
  }))

  test('when none answers for long, the line is given up', () => withDevice('tcp', async (device) => {
    device.behave = () => 'silence'
    const running = run(make(device, ['1:holding:0:uint16', '2:holding:0:uint16'], { timeout: '20ms', backoff: { first: '20ms', most: '20ms' } }))
    await assert.rejects(running.ended, /none of its 2 units answers.*check power/s)
    assert.ok(device.asked.length >= 5)
    await running.stop()
  }))
})

suite('a device that misbehaves', () => {
  const survives = (name: string, framing: 'tcp' | 'rtu-over-tcp', bad: (device: TestDevice, asked: Asked) => ReturnType<TestDevice['behave']>, counted: 'malformed' | 'timeouts' | 'unexpected') => {
    test(`${framing}: ${name}`, () => withDevice(framing, async (device) => {
      const running = run(make(device, ['1:holding:7:uint16', '2:holding:7:uint16'], { framing }))
      await rounds(running, '1:holding:7:uint16', 2)
      device.behave = (asked) => (asked.unit === 1 ? bad(device, asked) : 'value')
      await running.outlet.until(() => counter(running.source, counted) >= 1)
      await rounds(running, '2:holding:7:uint16', good(running.outlet, '2:holding:7:uint16').length + 3)
      device.behave = () => 'value'
      await rounds(running, '1:holding:7:uint16', good(running.outlet, '1:holding:7:uint16').length + 2)
      await running.stop()
      for (const { raw } of good(running.outlet, '1:holding:7:uint16')) assert.equal(raw, registerValue(1, 7))
      for (const { raw } of good(running.outlet, '2:holding:7:uint16')) assert.equal(raw, registerValue(2, 7))
    }))
  }

  survives('an answer to another transaction', 'tcp', (_, { transaction }) => ({ raw: mbapFrame(transaction ^ 0x4000, Uint8Array.of(1, 3, 2, 0, 1)) }), 'unexpected')
  survives('an answer of another unit', 'tcp', (_, { transaction }) => ({ raw: mbapFrame(transaction, Uint8Array.of(2, 3, 2, 0, 1)) }), 'malformed')
  survives('an answer to another function', 'tcp', (_, { transaction }) => ({ raw: mbapFrame(transaction, Uint8Array.of(1, 4, 2, 0, 1)) }), 'malformed')
  survives('fewer bytes than it says', 'tcp', (_, { transaction }) => ({ raw: mbapFrame(transaction, Uint8Array.of(1, 3, 4, 0, 1)) }), 'malformed')
  survives('answers later than the timeout', 'tcp', () => ({ afterMs: 200 }), 'unexpected')
  survives('a wrong check sum', 'rtu-over-tcp', () => ({ raw: Buffer.from([1, 3, 2, 0, 1, 0xaa, 0xbb]) }), 'malformed')
  survives('half an answer', 'rtu-over-tcp', () => ({ raw: rtuFrame(Uint8Array.of(1, 3, 2, 0, 1)).subarray(0, 4) }), 'malformed')
  survives('noise', 'rtu-over-tcp', () => ({ raw: Buffer.alloc(700, 0x55) }), 'malformed')
  survives('answers later than the timeout', 'rtu-over-tcp', () => ({ afterMs: 190 }), 'timeouts')

  test('tcp: half a frame that never ends, then the rest of the stream makes no sense', () => withDevice('tcp', async (device) => {
    const running = run(make(device, ['1:holding:7:uint16']))
    await rounds(running, '1:holding:7:uint16', 1)
    device.behave = ({ transaction }) => ({ raw: mbapFrame(transaction, Uint8Array.of(1, 3, 2, 0, 1)).subarray(0, 9) })
    await assert.rejects(running.ended, /is lost/)
    await running.stop()
  }))

  test('tcp: garbage ends the connection, with what to look at', () => withDevice('tcp', async (device) => {
    device.behave = () => ({ raw: Buffer.from('220 mail.example.com ESMTP ready\r\n') })
    const running = run(make(device, ['1:holding:7:uint16']))
    await assert.rejects(running.ended, /not Modbus TCP.*is another service on this port/)
    assert.equal(counter(running.source, 'malformed'), 1)
    assert.equal(running.source.health?.().state, 'down')
    await running.stop()
  }))

  test('nobody there: says where, why and what to do', async () => {
    const device = await startDevice()
    await device.stop()
    for (const connection of ['shared', 'per-unit']) {
      const running = run(make(device, ['1:holding:7:uint16'], { connection }))
      const told = new RegExp(`127\\.0\\.0\\.1:${device.port}: .*ECONNREFUSED.*check`)
      await assert.rejects(running.ended, (error: Error) => told.test(error.message))
      const health = running.source.health?.()
      assert.equal(health?.state, 'down')
      assert.match(health?.detail ?? '', told)
    }
  })
})

test('rtu-over-tcp reads as tcp does', () => withDevice('rtu-over-tcp', async (device) => {
  const addresses = [...registers(1, 0, 130), '1:coil:9', '3:input:0:uint16']
  const running = run(make(device, addresses, { framing: 'rtu-over-tcp' }))
  await running.outlet.until(() => addresses.every((address) => good(running.outlet, address).length > 0))
  await running.stop()
  for (const [i, address] of registers(1, 0, 130).entries()) assert.equal(good(running.outlet, address)[0]?.raw, registerValue(1, i))
  assert.equal(good(running.outlet, '1:coil:9')[0]?.raw, 1)
  assert.equal(good(running.outlet, '3:input:0:uint16')[0]?.raw, registerValue(3, 0))
}))

suite('time', () => {
  test('a device slower than its interval is polled on the grid still, and what is missed is counted', () => withDevice('tcp', async (device) => {
    device.behave = () => ({ afterMs: 45 })
    const running = run(make(device, ['1:holding:0:uint16'], { timeout: '10s' }))
    await rounds(running, '1:holding:0:uint16', 5)
    const missed = counter(running.source, 'polls_missed')
    await running.stop()
    // 45 ms of every 20 ms: at least one due time passes by with each poll.
    assert.ok(missed >= 4, `${missed} missed`)
    assert.equal(device.asked.length, counter(running.source, 'requests'))
  }))

  test('a full buffer holds the polling up; nothing read is dropped, the polls missed are counted', () => withDevice('tcp', async (device) => {
    const outlet = createCollectingOutlet()
    const taking = outlet.deliver.bind(outlet)
    let room: () => void = () => {}
    let full = Promise.resolve()
    outlet.deliver = async (delivery) => {
      await full
      return taking(delivery)
    }
    const running = run(make(device, ['1:holding:0:uint16', '2:holding:0:uint16'], { timeout: '10s' }), outlet)
    await rounds(running, '1:holding:0:uint16', 2)
    full = new Promise((resolve) => { room = resolve })
    for (let before = -1; before !== device.asked.length;) {
      before = device.asked.length
      await new Promise((resolve) => { setTimeout(resolve, 150) })
    }
    const asked = device.asked.length
    room()
    await rounds(running, '1:holding:0:uint16', good(outlet, '1:holding:0:uint16').length + 3)
    await running.stop()
    assert.ok(counter(running.source, 'polls_missed') >= 5)
    assert.equal(outlet.readings().length, counter(running.source, 'readings'))
    assert.ok(device.asked.length > asked)
  }))

  test('an outlet that fails ends the source with its error', () => withDevice('tcp', async (device) => {
    const outlet = createCollectingOutlet()
    outlet.deliver = () => Promise.reject(new Error('disk full'))
    const running = run(make(device, ['1:holding:0:uint16', '2:holding:0:uint16']), outlet)
    await assert.rejects(running.ended, /disk full/)
  }))
})
