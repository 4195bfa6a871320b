import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { promisify } from 'node:util'
import pino from 'pino'
import { qualityLevel, qualityReasonsOf } from '../../../../registry/domain/contract/quality.ts'
import { browseOpcUa } from '../../../../edge/connectors/opcua/browse.ts'
import { opcUaConnectionSchema } from '../../../../edge/connectors/opcua/index.ts'
import { createCollectingOutlet } from '../../../helpers/collecting-outlet.ts'
import { runConnector, temporaryFolder } from '../../../helpers/opcua-plant.ts'
import { freePort } from '../../../helpers/opcua-server.ts'

const run = promisify(execFile)
const skip = process.env.TWINWARD_TEST_PEERS === '1' ? false : 'installs asyncua from PyPI; TWINWARD_TEST_PEERS=1 runs it'

test('a server of another make (asyncua) gives the same readings, and its history', { skip }, async (t) => {
  const folder = await temporaryFolder(t)
  await run('python3', ['-m', 'venv', folder])
  await run(path.join(folder, 'bin/pip'), ['install', '--quiet', 'asyncua'])
  const port = await freePort()
  const server = spawn(path.join(folder, 'bin/python'), [path.join(import.meta.dirname, 'asyncua-server.py'), String(port)], { stdio: ['pipe', 'pipe', 'ignore'] })
  const exited = once(server, 'exit')
  t.after(async () => {
    server.kill('SIGKILL')
    await exited
  })
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
  const said = async (word: string) => { assert.equal((await lines.next()).value, word) }
  const set = async (name: string, value: number, status = 0) => {
    server.stdin.write(`${name} ${value} ${status}\n`)
    await said('set')
  }
  await said('ready')

  const endpoint = `opc.tcp://127.0.0.1:${port}/plant`
  const connection = opcUaConnectionSchema.parse({ endpoint, security: { mode: 'None' } })
  const { variables } = await browseOpcUa({ connection, id: 'plc-7', directory: folder, secret: () => '', log: pino({ level: 'silent' }) })
  const found = variables.filter(({ path: [first] }) => first === 'Pump 1')
  assert.deepEqual(found.map(({ address, dataType }) => [address, dataType]).sort(), [
    ['nsu=urn:twinward:test;s=P1.Count', 'Int64'], ['nsu=urn:twinward:test;s=P1.On', 'Boolean'], ['nsu=urn:twinward:test;s=P1.Temp', 'Double'],
  ])
  const [count, on, temp] = ['nsu=urn:twinward:test;s=P1.Count', 'nsu=urn:twinward:test;s=P1.On', 'nsu=urn:twinward:test;s=P1.Temp'] as const

  const outlet = createCollectingOutlet()
  const first = await runConnector(t, { endpoint, tags: [count, on, temp], outlet })
  await outlet.until(() => [count, on, temp].every((address) => outlet.readings(address).length === 1))
  await set('Temp', 21.5)
  await set('Count', -3)
  await set('On', 1)
  const last = (address: string) => outlet.readings(address).at(-1)
  await outlet.until(() => last(temp)?.raw === 21.5 && last(count)?.raw === -3 && last(on)?.raw === 1)
  await set('Temp', 22, 0x808c0000)
  await outlet.until(() => outlet.readings(temp).length === 3)
  assert.deepEqual([qualityLevel(last(temp)?.quality ?? 0), qualityReasonsOf(last(temp)?.quality ?? 0)], ['bad', ['device']])
  const known = last(temp)?.sourceUs ?? 0
  await outlet.until(() => (outlet.positions.get('opcua/plc-7') as { throughUs: number }).throughUs > known)
  await first.end()

  for (let value = 100; value < 110; value++) await set('Temp', value)
  const second = await runConnector(t, { endpoint, tags: [count, on, temp], outlet, config: { history: { pageValues: 4 } } })
  await outlet.until(() => outlet.readings(temp).filter(({ raw }) => raw >= 100).length >= 10)
  assert.deepEqual(outlet.readings(temp).filter(({ raw }) => raw >= 100).map(({ raw }) => raw).sort((a, b) => a - b), Array.from({ length: 10 }, (_, i) => 100 + i))
  assert.equal(second.health().counters.history_readings, 9)
})
