import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import { modbusTcp } from '../../../edge/connectors/modbus/index.ts'
import { BAD, GOOD, qualityReasons, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import { createCollectingOutlet } from '../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../helpers/connector-context.ts'

const SERVER = `
import asyncio, sys
from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import SimData, SimDevice, DataType

def device(unit):
    return SimDevice(id=unit, simdata=[
        SimData(0, values=-5, datatype=DataType.INT16),
        SimData(1, values=123.5, datatype=DataType.FLOAT32),
        SimData(3, values=2**60 + 1, datatype=DataType.UINT64),
        SimData(7, values=-2.75, datatype=DataType.FLOAT64),
        SimData(20, count=110, values=unit, datatype=DataType.UINT16),
    ])

async def main():
    server = ModbusTcpServer([device(1), device(2)], framer=FramerType(sys.argv[2]), address=("127.0.0.1", int(sys.argv[1])))
    await server.serve_forever(background=True)
    print("listening", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
`

const freePort = () => new Promise<number>((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address() as { port: number }
    server.close(() => { resolve(port) })
  })
})

suite('against pymodbus', { skip: process.env['TWINWARD_TEST_PEERS'] === '1' ? false : 'TWINWARD_TEST_PEERS is not 1: needs Python and PyPI' }, () => {
  let directory = ''
  let python = ''
  before(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-pymodbus-'))
    python = path.join(directory, 'venv/bin/python')
    execFileSync('python3', ['-m', 'venv', path.join(directory, 'venv')])
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'pymodbus==3.16.1'])
    writeFileSync(path.join(directory, 'server.py'), SERVER)
  })
  after(() => { rmSync(directory, { recursive: true, force: true }) })

  for (const [framing, framer] of [['tcp', 'socket'], ['rtu-over-tcp', 'rtu']] as const) {
    test(`${framing}: types, holes and two units`, async () => {
      const port = await freePort()
      const server: ChildProcess = spawn(python, [path.join(directory, 'server.py'), String(port), framer], { stdio: ['ignore', 'pipe', 'inherit'] })
      const gone = new Promise((resolve) => server.once('exit', resolve))
      try {
        await new Promise((resolve) => { server.stdout?.once('data', resolve) })
        const expected: Record<string, [number, number]> = {
          '1:holding:0:int16': [-5, GOOD], '1:holding:1:float32': [123.5, GOOD], '1:holding:3:uint64': [2 ** 60, UNCERTAIN], '1:holding:7:float64': [-2.75, GOOD],
          '1:holding:15:uint16': [NaN, BAD | qualityReasons.device], '1:holding:20:uint16': [1, GOOD], '1:holding:129:uint16': [1, GOOD], '2:40130:uint16': [2, GOOD],
        }
        const outlet = createCollectingOutlet()
        const abort = new AbortController()
        const source = modbusTcp.create(modbusTcp.config.parse({ host: '127.0.0.1', port, framing, every: '50ms' }), connectorContext(Object.keys(expected)))
        const ended = source.run(outlet, abort.signal)
        ended.catch(() => {})
        await outlet.until(() => Object.keys(expected).every((address) => outlet.readings(address).length > 0))
        abort.abort()
        await ended
        for (const [address, [raw, quality]] of Object.entries(expected)) {
          const got = outlet.readings(address)[0]
          assert.deepEqual([got?.raw, got?.quality], [raw, quality], address)
        }
      } finally {
        server.kill()
        await gone
      }
    })
  }
})
