import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import { StatusCodes } from 'node-opcua-client'
import { pino } from 'pino'
import { runSiteFile } from '../../../edge/site/run-site-file.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import { BAD, GOOD, QUALITY_LEVEL_MASK, qualityReasons } from '../../../registry/domain/contract/quality.ts'
import { hasMosquitto, startBroker } from '../../helpers/broker.ts'
import { machine as httpMachine } from '../../helpers/http-push.ts'
import { startDevice, type Asked } from '../../helpers/modbus.ts'
import { startPlant } from '../../helpers/opcua-plant.ts'
import { startReceiver, type Receiver } from '../../helpers/receiver.ts'
import { sparkplugPayload } from '../../helpers/sparkplug.ts'

/** One step of the machine, in canonical units; the thermometer fails in one of them. */
interface Step { readonly ms: number; readonly celsius: number; readonly bar: number; readonly cubicMetresPerHour: number; readonly running: boolean; readonly sensorFails: boolean }

const STEPS = 8
const FAILS_AT = 5
const PROTOCOLS = ['opcua', 'modbus', 'mqtt', 'sparkplug', 'http', 'csv'] as const
/** Protocols that carry the machine's own time. */
const TIMED = PROTOCOLS.filter((protocol) => protocol !== 'modbus')
const TAGS = ['temp', 'pressure', 'flow', 'running'] as const
/** What a chain of conversions may cost: some last digits of 53 bits. */
const ROUNDING = 1e-12
const TOKEN = 'a-token-of-enough-characters'

const step = (k: number, ms: number): Step => ({ ms, celsius: 20 + 5 * k, bar: 1 + k / 4, cubicMetresPerHour: 36 * (k + 1), running: k % 2 === 0, sensorFails: k === FAILS_AT })
const canonical = ({ celsius, bar, cubicMetresPerHour, running }: Step) => ({ temp: celsius, pressure: bar, flow: cubicMetresPerHour, running: Number(running) })
const fahrenheit = ({ celsius }: Step) => celsius * 1.8 + 32

test('the same machine over every protocol at once gives the same readings', { skip: hasMosquitto() ? false : 'mosquitto is not here' }, async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-one-machine-'))
  const exports = path.join(directory, 'exports')
  mkdirSync(exports)
  const broker = await startBroker('mosquitto')
  const receiver = await startReceiver(broker.connection, 'hamburg', 'gw-1')
  const { url, username = '', password = '' } = broker.connection
  const plc = await connectAsync(url, { username, password })
  const device = await startDevice()
  t.after(async () => {
    await plc.endAsync(true)
    await receiver.close()
    await broker.stop()
    await device.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const opc = await startPlant(t, ['Temp', 'Pressure', 'Flow', 'Running'])
  const httpPort = await freePort()
  writeFileSync(path.join(directory, 'site.yaml'), siteFile({ opc: { endpoint: opc.endpoint, address: opc.address }, modbusPort: device.port, httpPort, exports, broker: { url, username } }))
  const runner = await runSiteFile({
    file: path.join(directory, 'site.yaml'), env: { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, TOKEN }, version: 'test',
    openLog: () => ({ log: pino({ level: 'silent' }), close: async () => {} }),
  })
  t.after(() => runner.stop())

  const sent: Step[] = []
  let now = step(0, Date.now())
  device.behave = (asked) => ({ raw: device.frame(asked, registersOf(now, asked)) })
  const post = httpMachine(`http://127.0.0.1:${httpPort}`, TOKEN)
  let sequence = 0
  const publishJson = (next: Step) => plc.publishAsync('works/press', JSON.stringify({
    ts: new Date(next.ms).toISOString(), temp: { v: next.celsius + 273.15, q: next.sensorFails ? 'bad' : 'good' }, p: { v: String(next.bar), q: 'good' },
    flow: { v: (next.cubicMetresPerHour * 1000) / 60, q: 'good' }, state: { v: next.running ? 'RUN' : 'STOP', q: 'good' },
  }), { qos: 1 })
  const publishSparkplug = (type: 'NBIRTH' | 'NDATA', { ms, celsius, bar, cubicMetresPerHour, running, sensorFails }: Step) => plc.publishAsync(`spBv1.0/works/${type}/press`, Buffer.from(sparkplugPayload({
    ms, seq: type === 'NBIRTH' ? (sequence = 0) : ++sequence % 256, metrics: [
      ...(type === 'NBIRTH' ? [{ name: 'bdSeq', type: 4, long: 0n }] : []),
      { name: 'Temp', alias: 1, type: 10, ms, double: celsius, quality: sensorFails ? 0 : 192 }, { name: 'Pressure', alias: 2, type: 7, ms, int: bar * 100_000 },
      { name: 'Flow', alias: 3, type: 10, ms, double: cubicMetresPerHour / 3.6 }, { name: 'Running', alias: 4, type: 11, ms, boolean: running },
    ],
  })), { qos: 1 })

  async function play(next: Step): Promise<void> {
    now = next
    sent.push(next)
    const { ms, bar, cubicMetresPerHour, running, sensorFails } = next
    const at = new Date(ms)
    opc.set('Temp', fahrenheit(next), sensorFails ? StatusCodes.BadDeviceFailure : StatusCodes.Good, at)
    opc.set('Pressure', bar * 100, StatusCodes.Good, at)
    opc.set('Flow', cubicMetresPerHour / 3.6, StatusCodes.Good, at)
    opc.set('Running', Number(running), StatusCodes.Good, at)
    await publishJson(next)
    await publishSparkplug('NDATA', next)
    const answer = await post({
      readings: [{ name: 'temp', value: fahrenheit(next), unit: '[degF]', quality: sensorFails ? 'bad' : 'good' }, { name: 'pressure', value: bar * 100, unit: 'kPa' }, { name: 'flow', value: cubicMetresPerHour }, { name: 'running', value: running }], time: ms,
    })
    assert.deepEqual([answer.status, answer.body.readings], [200, 4])
    const csv = `Zeit;Temp;Druck;Menge;Lauf\n${at.toISOString()};${sensorFails ? '' : String(fahrenheit(next)).replace('.', ',')};${bar * 1000};${cubicMetresPerHour};${Number(running)}\n`
    writeFileSync(path.join(exports, '.new'), csv)
    renameSync(path.join(exports, '.new'), path.join(exports, `${ms}.csv`))
  }

  // What subscribes is there when it has heard of a time before the first step.
  const earlier = step(0, Date.now() - 10_000)
  const ready = () => runner.site()?.status().connectors.every(({ state }) => state === 'ok') === true
  for (const endMs = performance.now() + 60_000; !ready();) {
    if (performance.now() > endMs) assert.fail(JSON.stringify(runner.site()?.status().connectors))
    await publishJson(earlier)
    await publishSparkplug('NBIRTH', earlier)
    await new Promise((resolve) => { setTimeout(resolve, 200) })
  }
  for (let k = 0; k < STEPS; k++) {
    await play(step(k, Math.max(Date.now(), (sent.at(-1)?.ms ?? 0) + 1)))
    // Every protocol has said it before the machine goes on: those that poll must see it too.
    await until(`step ${k}`, () => PROTOCOLS.every((protocol) => TAGS.every((tag) => seriesOf(receiver, protocol, tag, sent).length === k + 1)),
      () => PROTOCOLS.map((protocol) => `${protocol} ${TAGS.map((tag) => seriesOf(receiver, protocol, tag, sent).length).join(' ')}`).join('; '))
  }

  for (const tag of TAGS) {
    for (const protocol of PROTOCOLS) {
      const series = seriesOf(receiver, protocol, tag, sent)
      for (const [k, { value, quality, us }] of series.entries()) {
        const where = `${protocol} ${tag} ${k}`
        const original = sent[k] ?? assert.fail(where)
        if (TIMED.some((timed) => timed === protocol)) assert.equal(us, original.ms * 1000, `${where}: source time`)
        // Read between this step and the next.
        else assert.ok(us >= original.ms * 1000 - 1000 && us < (sent[k + 1]?.ms ?? Infinity) * 1000 + 1000, `${where}: source time`)
        if (tag === 'temp' && original.sensorFails) {
          // A cell says only that there was no value.
          assert.equal(quality, BAD | (protocol === 'csv' ? qualityReasons.missing : qualityReasons.device), `${where}: quality`)
          continue
        }
        assert.equal(quality, GOOD, `${where}: quality`)
        const expected = canonical(original)[tag]
        assert.ok(Math.abs(value - expected) <= ROUNDING * Math.max(1, Math.abs(expected)), `${where}: ${value} for ${expected}`)
      }
    }
  }
})

interface Arrived { readonly us: number; readonly value: number; readonly quality: number }

/** The series of a tag, from the first step on; what a poll saw again is left out. */
function seriesOf({ batches }: Receiver, protocol: (typeof PROTOCOLS)[number], tag: string, sent: readonly Step[]): Arrived[] {
  const key = `press-${protocol}/${tag}`
  const all = [...batches.values()].sort((a, b) => a.batch.header.sequence - b.batch.header.sequence).flatMap(({ batch }): Arrived[] => {
    if (batch.kind !== 'readings') return []
    const { tags, tag: index, sourceUs, value, quality } = batch.columns
    return Array.from(index.keys()).filter((i) => tags[index[i] ?? -1] === key).map((i) => ({ us: sourceUs[i] ?? 0, value: value[i] ?? NaN, quality: quality[i] ?? 0 }))
  }).filter(({ us }) => us >= (sent[0]?.ms ?? 0) * 1000)
  if (protocol !== 'modbus') return all
  // A step that changes nothing of a tag is seen all the same, by its time.
  return sent.flatMap(({ ms }, k) => {
    const within = all.filter(({ us }) => us >= ms * 1000 && us < (sent[k + 1]?.ms ?? Infinity) * 1000)
    const expected = within.find(({ value, quality }) => (k === FAILS_AT && tag === 'temp' ? (quality & QUALITY_LEVEL_MASK) === BAD : Math.abs(value - canonical(sent[k] as Step)[tag as 'temp']) < 1e-6))
    return expected ? [expected] : []
  })
}

/** Registers of the Modbus side: input 10 tenths of a degree, holding 0 millibar, 1–2 a float of m³/h, words swapped, 3 a status word. */
function registersOf({ celsius, bar, cubicMetresPerHour, running, sensorFails }: Step, { function: code, start, count }: Asked): Buffer {
  if (code === 4 && sensorFails) return Buffer.from([code | 0x80, 4])
  const words = Buffer.alloc(2 * 20)
  if (code === 4) words.writeInt16BE(celsius * 10, 2 * 10)
  else {
    words.writeUInt16BE(bar * 1000, 0)
    const float = Buffer.alloc(4)
    float.writeFloatBE(cubicMetresPerHour)
    float.copy(words, 2, 2, 4)
    float.copy(words, 4, 0, 2)
    words.writeUInt16BE(running ? 0b1000 : 0b0111, 6)
  }
  return Buffer.from([code, 2 * count, ...words.subarray(2 * start, 2 * (start + count))])
}

function siteFile({ opc, modbusPort, httpPort, exports, broker }: {
  opc: { endpoint: string; address: (name: string) => string }; modbusPort: number; httpPort: number; exports: string; broker: { url: string; username: string }
}): string {
  const brokerLines = `url: ${broker.url}\n    username: ${broker.username}\n    password: { env: MQTT_PASSWORD }`
  return `version: 1
site: hamburg
gateway: gw-1
health: off
buffer: { cap: 64 MiB }
templates:
  press:
    - { role: temperature, name: temp, canonicalUnit: Cel }
    - { role: pressure, canonicalUnit: bar }
    - { role: flow, canonicalUnit: m3/h }
    - { role: running, unit: "1" }
sources:
  - id: opcua
    type: opcua
    endpoint: ${opc.endpoint}
    security: { mode: None }
    publishing: 50ms
    tags:
      - { like: press, asset: press-opcua, roles: { temperature: { address: "${opc.address('Temp')}", unit: "[degF]", every: 50ms }, pressure: { address: "${opc.address('Pressure')}", unit: kPa, every: 50ms },
          flow: { address: "${opc.address('Flow')}", unit: L/s, every: 50ms }, running: { address: "${opc.address('Running')}", every: 50ms } } }
  - id: modbus
    type: modbus-tcp
    host: 127.0.0.1
    port: ${modbusPort}
    every: 50ms
    tags:
      - { like: press, asset: press-modbus, roles: { temperature: { address: "1:input:10:int16", unit: Cel, scale: 0.1 }, pressure: { address: "1:holding:0:uint16", unit: mbar },
          flow: { address: "1:holding:1:float32:CDAB", unit: m3/h }, running: { address: "1:holding:3:uint16:bit3" } } }
  - id: mqtt
    type: mqtt-json
    ${brokerLines}
    messages: [{ topic: works/press, time: ts, quality: q, words: { RUN: 1, STOP: 0 } }]
    tags:
      - { like: press, asset: press-mqtt, roles: { temperature: { address: "works/press#temp.v", unit: K }, pressure: { address: "works/press#p.v", unit: bar },
          flow: { address: "works/press#flow.v", unit: L/min }, running: { address: "works/press#state.v" } } }
  - id: sparkplug
    type: sparkplug
    ${brokerLines}
    tags:
      - { like: press, asset: press-sparkplug, roles: { temperature: { address: "works/press#Temp", unit: Cel }, pressure: { address: "works/press#Pressure", unit: Pa },
          flow: { address: "works/press#Flow", unit: L/s }, running: { address: "works/press#Running" } } }
  - id: http
    type: http-push
    listen: "127.0.0.1:${httpPort}"
    tokens: [{ name: press, secret: { env: TOKEN } }]
    tags:
      - { like: press, asset: press-http, roles: { temperature: { address: temp, unit: "[degF]" }, pressure: { address: pressure, unit: kPa }, flow: { address: flow, unit: m3/h }, running: { address: running } } }
  - id: csv
    type: csv-folder
    folder: ${exports}
    mode: live
    lookEvery: 50ms
    settledAfter: 10ms
    delimiter: ";"
    decimal: ","
    time: { column: Zeit, zone: UTC }
    tags:
      - { like: press, asset: press-csv, roles: { temperature: { address: Temp, unit: "[degF]" }, pressure: { address: Druck, unit: mbar }, flow: { address: Menge, unit: m3/h }, running: { address: Lauf } } }
`
}

async function until(what: string, holds: () => boolean, tell: () => string = () => ''): Promise<void> {
  for (const endMs = performance.now() + 60_000; !holds();) {
    if (performance.now() > endMs) assert.fail(`waited in vain for ${what}: ${tell()}`)
    await new Promise((resolve) => { setTimeout(resolve, 25) })
  }
}
