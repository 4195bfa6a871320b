import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { modbusRtu } from '../../../edge/connectors/modbus/index.ts'
import { GOOD } from '../../../registry/domain/contract/quality.ts'
import { createCollectingOutlet } from '../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../helpers/connector-context.ts'
import { registerValue, startDevice } from '../../helpers/modbus.ts'

function missing(): string | false {
  try {
    execFileSync('socat', ['-V'], { stdio: 'ignore' })
  } catch {
    return 'socat is not installed'
  }
  try {
    createRequire(import.meta.url)('serialport')
  } catch {
    return 'serialport cannot be loaded here'
  }
  return false
}

const make = (port: string, addresses: string[]) => modbusRtu.create(
  modbusRtu.config.parse({ path: port, every: '50ms', timeout: '500ms', backoff: { first: '100ms', most: '200ms' } }), connectorContext(addresses))

test('a serial line: registers come over it; when the adapter is pulled out the source ends and says so', { skip: missing() }, async () => {
  const device = await startDevice('rtu-over-tcp')
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-modbus-'))
  const port = path.join(directory, 'line')
  // A pseudo terminal is the line; behind it, the device.
  const adapter = spawn('socat', [`PTY,link=${port},raw,echo=0`, `TCP:127.0.0.1:${device.port}`], { stdio: 'ignore' })
  const gone = new Promise((resolve) => adapter.once('exit', resolve))
  try {
    while (!existsSync(port)) await new Promise((resolve) => { setTimeout(resolve, 20) })
    const outlet = createCollectingOutlet()
    const addresses = ['1:holding:0:uint16', '1:holding:120:uint16', '2:input:5:uint16']
    const source = make(port, addresses)
    const ended = source.run(outlet, AbortSignal.timeout(60_000))
    ended.catch(() => {})
    await outlet.until(() => addresses.every((address) => outlet.readings(address).filter(({ quality }) => quality === GOOD).length >= 3))
    assert.deepEqual(addresses.map((address) => outlet.readings(address).at(-1)?.raw), [registerValue(1, 0), registerValue(1, 120), registerValue(2, 5)])
    assert.equal(source.health?.().state, 'ok')
    adapter.kill()
    await assert.rejects(ended, /Modbus on .*line is lost/)
    assert.equal(source.health?.().state, 'down')
  } finally {
    adapter.kill()
    await gone
    await device.stop()
    rmSync(directory, { recursive: true })
  }
})

test('a serial port that is not there is named with what to check', { skip: missing() }, async () => {
  await assert.rejects(make('/dev/twinward-none', ['1:holding:0:uint16']).run(createCollectingOutlet(), AbortSignal.timeout(20_000)), /cannot open the serial line \/dev\/twinward-none.*dialout/)
})
