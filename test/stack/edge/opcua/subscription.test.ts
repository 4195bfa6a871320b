import assert from 'node:assert/strict'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { DataType, StatusCodes, VariantArrayType } from 'node-opcua-client'
import { qualityLevel, qualityReasonsOf } from '../../../../registry/domain/contract/quality.ts'
import { statusReasons } from '../../../../edge/connectors/opcua/status-quality.ts'
import { runConnector, startPlant } from '../../../helpers/opcua-plant.ts'
import { seeded } from '../../../helpers/random.ts'
import { startTcpProxy } from '../../../helpers/tcp-proxy.ts'

test('the table of status codes is that of the standard', () => {
  for (const [name, { code }] of Object.entries(statusReasons)) assert.equal((StatusCodes as unknown as Record<string, { value: number }>)[name]?.value, code, name)
})

test('values come with the time and quality the server gave them, in order, and a claim of completeness', async (t) => {
  const plant = await startPlant(t, ['Temp', 'Flow'])
  const [temp, flow] = [plant.address('Temp'), plant.address('Flow')]
  const { outlet, health, end } = await runConnector(t, { endpoint: plant.endpoint, tags: [temp, flow] })
  await outlet.until(() => outlet.readings(temp).length === 1 && outlet.readings(flow).length === 1)
  const at = new Date(Date.now() - 5)
  plant.set('Temp', 21.5, StatusCodes.Good, at)
  await outlet.until(() => outlet.readings(temp).length === 2)
  plant.set('Temp', 22, StatusCodes.UncertainLastUsableValue)
  await outlet.until(() => outlet.readings(temp).length === 3)
  plant.set('Temp', 0, StatusCodes.BadSensorFailure)
  await outlet.until(() => outlet.readings(temp).length === 4)
  const [, second, third, fourth] = outlet.readings(temp)
  assert.equal(second?.raw, 21.5)
  assert.equal(second.sourceUs, at.getTime() * 1_000)
  assert.equal(second.quality, 0)
  assert.deepEqual([qualityLevel(third?.quality ?? 0), qualityReasonsOf(third?.quality ?? 0)], ['uncertain', ['substituted']])
  assert.deepEqual([qualityLevel(fourth?.quality ?? 0), qualityReasonsOf(fourth?.quality ?? 0)], ['bad', ['device']])
  await outlet.until(() => outlet.deliveries.some(({ completeThroughUs }) => completeThroughUs !== undefined && completeThroughUs > (fourth?.sourceUs ?? 0)))
  const { state, detail, counters } = health()
  assert.deepEqual([state, detail, counters.readings], ['ok', null, 5])
  await end()
})

test('a node that does not exist, and one that is no number, are refused by name; the others go on', async (t) => {
  const plant = await startPlant(t, ['Temp'])
  const text = plant.namespace.addVariable({ organizedBy: plant.folder, browseName: 'Text', nodeId: 's=P1.Text', dataType: 'String' })
  text.setValueFromSource({ dataType: DataType.String, value: 'running' })
  const [temp, absent, word] = [plant.address('Temp'), plant.address('Absent'), plant.address('Text')]
  const { outlet, health } = await runConnector(t, { endpoint: plant.endpoint, tags: [absent, temp, word, 'nsu=urn:nobody;s=X'] })
  await outlet.until(() => outlet.readings(temp).length === 1 && (health().counters.not_numeric ?? 0) > 0)
  const { state, detail } = health()
  assert.equal(state, 'degraded')
  assert.match(detail ?? '', /P1\.Absent \(BadNodeIdUnknown\)/)
  assert.match(detail ?? '', /P1\.Text \(is String\)/)
  assert.match(detail ?? '', /nsu=urn:nobody;s=X \(the server has no such namespace\)/)
  const [told] = outlet.readings(absent)
  assert.ok(told && Number.isNaN(told.raw))
  assert.deepEqual([qualityLevel(told.quality), qualityReasonsOf(told.quality)], ['bad', ['missing']])
  plant.set('Temp', 3)
  await outlet.until(() => outlet.readings(temp).some(({ raw }) => raw === 3))
})

test('a deadband keeps small changes at the server; a percentage without EURange is refused, and every change comes', async (t) => {
  const plant = await startPlant(t, ['Temp', 'Flow'])
  const [temp, flow] = [plant.address('Temp'), plant.address('Flow')]
  const { outlet, health } = await runConnector(t, {
    endpoint: plant.endpoint, tags: [{ address: temp, deadband: 1 }, flow], config: { nodes: { [flow]: { deadbandPercent: 1 } } },
  })
  await outlet.until(() => outlet.readings().length === 2)
  for (const value of [0.5, 0.9, 5]) {
    plant.set('Temp', value)
    plant.set('Flow', value)
    await outlet.until(() => outlet.readings(flow).some(({ raw }) => raw === value))
  }
  await outlet.until(() => outlet.readings(temp).some(({ raw }) => raw === 5))
  assert.deepEqual(outlet.readings(temp).map(({ raw }) => raw), [0, 5])
  assert.equal(health().counters.refused_filters, 1)
})

test('an array of numbers is a waveform with the interval of the site file', async (t) => {
  const plant = await startPlant(t, [])
  const array = plant.namespace.addVariable({ organizedBy: plant.folder, browseName: 'Vibration', nodeId: 's=P1.Vibration', dataType: 'Float', valueRank: 1 })
  const at = new Date(Date.now() - 1_000)
  array.setValueFromSource({ dataType: DataType.Float, arrayType: VariantArrayType.Array, value: Float32Array.from([1, -2, 0.5, 4]) }, StatusCodes.Good, at)
  const address = plant.address('Vibration')
  const { outlet } = await runConnector(t, {
    endpoint: plant.endpoint, tags: [{ address, kind: 'waveform' }], config: { nodes: { [address]: { sampleRateHz: 1_000, timestampOf: 'last' } } },
  })
  await outlet.until(() => outlet.waveforms().length === 1)
  const [row] = outlet.waveforms()
  assert.deepEqual([...row?.samples ?? []], [1, -2, 0.5, 4])
  assert.deepEqual([row?.startUs, row?.intervalUs, row?.quality], [at.getTime() * 1_000 - 3_000, 1_000, 0])
})

test('a connection that is open but silent ends the run, which says so', async (t) => {
  const plant = await startPlant(t, ['Temp'])
  const proxy = await startTcpProxy(plant.port)
  t.after(() => proxy.close())
  const { outlet, ended, health } = await runConnector(t, { endpoint: plant.endpoint.replace(`:${plant.port}`, `:${proxy.port}`), tags: [plant.address('Temp')], config: { silentAfter: 5 } })
  await outlet.until(() => outlet.readings().length === 1)
  proxy.freeze()
  await assert.rejects(ended, { code: 'unavailable', message: /connected, but silent for \d+ ms/ })
  assert.equal(health().state, 'down')
})

test('a broken connection and a server that is not there end the run with the cure', async (t) => {
  const plant = await startPlant(t, ['Temp'])
  const proxy = await startTcpProxy(plant.port)
  const endpoint = plant.endpoint.replace(`:${plant.port}`, `:${proxy.port}`)
  const { outlet, ended } = await runConnector(t, { endpoint, tags: [plant.address('Temp')] })
  await outlet.until(() => outlet.readings().length === 1)
  await proxy.close()
  await assert.rejects(ended, { code: 'unavailable' })
  const again = await runConnector(t, { endpoint, tags: [plant.address('Temp')] })
  await assert.rejects(again.ended, { code: 'unavailable', message: /nothing listens there/ })
})

test('what is no OPC UA server, or answers with nonsense, ends the run and nothing else', async (t) => {
  const random = seeded(7)
  const answers: ((socket: Socket) => void)[] = [
    (socket) => { socket.destroy() },
    (socket) => { socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') },
    // An acknowledgement that promises more than comes, a message of the largest size there is, and noise.
    (socket) => { socket.end(Buffer.from('ACKF\x1c\0\0\0\0\0', 'latin1')) },
    (socket) => { socket.end(Buffer.from('ACKF\xff\xff\xff\xff', 'latin1')) },
    ...Array.from({ length: 8 }, () => (socket: Socket) => { socket.end(Buffer.from(Array.from({ length: 1 + random(200) }, () => random(256)))) }),
  ]
  for (const reply of answers) {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => { reply(socket) })
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const { ended } = await runConnector(t, { endpoint: `opc.tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, tags: ['i=2258'] })
    await assert.rejects(ended, { code: 'unavailable', message: /^cannot connect to opc\.tcp/ })
    await new Promise((resolve) => { server.close(resolve) })
  }
})

test('while the buffer is slow the server holds back, and nothing is lost', async (t) => {
  const plant = await startPlant(t, ['Temp'])
  const temp = plant.address('Temp')
  const { outlet, health } = await runConnector(t, { endpoint: plant.endpoint, tags: [temp], config: { nodes: { [temp]: { sampling: '50ms', queueSize: 1_000 } } } })
  await outlet.until(() => outlet.readings().length === 1)
  const deliver = outlet.deliver.bind(outlet)
  const [gate, held] = [latch(), latch()]
  outlet.deliver = async (delivery) => {
    held.resolve()
    await gate.promise
    return deliver(delivery)
  }
  plant.set('Temp', 1)
  await held.promise
  // More publishing intervals than requests wait at the server: what it may not send, it keeps. Twice its sampling each.
  for (let value = 2; value <= 25; value++) {
    plant.set('Temp', value)
    await new Promise((resolve) => { setTimeout(resolve, 110) })
  }
  gate.resolve()
  await outlet.until(() => outlet.readings().some(({ raw }) => raw === 25))
  assert.deepEqual(outlet.readings(temp).map(({ raw }) => raw), Array.from({ length: 26 }, (_, i) => i))
  assert.equal(health().counters.overflows, 0)
})

function latch() {
  let resolve = () => {}
  const promise = new Promise<void>((done) => { resolve = done })
  return { promise, resolve: () => { resolve() } }
}

test('writes what a node takes, as the type it has there; what the server refuses is told with its word for it', async (t) => {
  const plant = await startPlant(t, ['Temp'])
  const add = (name: string, dataType: 'Boolean' | 'Int16' | 'String', writable: boolean) => {
    const node = plant.namespace.addVariable({ organizedBy: plant.folder, browseName: name, nodeId: `s=P1.${name}`, dataType, ...(!writable && { accessLevel: 'CurrentRead', userAccessLevel: 'CurrentRead' }) })
    node.setValueFromSource({ dataType: DataType[dataType], value: dataType === 'String' ? 'x' : dataType === 'Boolean' ? false : 0 })
    return { address: plant.address(name), value: () => node.readValue().value.value as unknown }
  }
  const [horn, level, text, fixed] = [add('Horn', 'Boolean', true), add('Level', 'Int16', true), add('Text', 'String', true), add('Fixed', 'Boolean', false)]
  const temp = plant.address('Temp')
  const { source, outlet, end } = await runConnector(t, { endpoint: plant.endpoint, tags: [temp] })
  await outlet.until(() => outlet.readings(temp).length === 1)
  await source.write?.(horn.address, 1)
  await source.write?.(level.address, 3)
  assert.deepEqual([horn.value(), level.value()], [true, 3])
  await source.write?.(horn.address, 0)
  assert.equal(horn.value(), false)
  const refused = (address: string) => source.write?.(address, 1).then(() => 'was written', (error: Error & { code: string }) => `${error.code} ${error.message}`)
  assert.match(await refused(text.address) ?? '', /^unavailable .*is String/)
  assert.match(await refused(fixed.address) ?? '', /^unavailable .*the server says BadNotWritable/)
  assert.match(await refused(plant.address('Absent')) ?? '', /^unavailable /)
  assert.match(await refused('nsu=urn:nobody;s=X') ?? '', /^unavailable .*namespace/)
  await end()
  assert.match(await refused(horn.address) ?? '', /^unavailable .*no session/)
})
