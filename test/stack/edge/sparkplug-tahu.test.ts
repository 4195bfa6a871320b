import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { listen } from '../../../edge/connectors/mqtt-browse/listen.ts'
import { sparkplug } from '../../../edge/connectors/sparkplug/index.ts'
import { typeName } from '../../../edge/connectors/sparkplug/value.ts'
import { BAD, GOOD, qualityReasons, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import { startBroker } from '../../helpers/broker.ts'
import { createCollectingOutlet } from '../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../helpers/connector-context.ts'

const run = promisify(execFile)
const skip = process.env['TWINWARD_TEST_PEERS'] === '1' ? false : 'TWINWARD_TEST_PEERS is not 1: needs Java, Maven and Maven Central'
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>test</artifactId><version>1</version>
<dependencies><dependency><groupId>org.eclipse.tahu</groupId><artifactId>tahu-edge</artifactId><version>1.0.13</version></dependency></dependencies></project>`

/** The node compiled against Tahu, in a folder of its own. */
async function build(t: TestContext): Promise<string> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-tahu-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  writeFileSync(path.join(directory, 'pom.xml'), POM)
  await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib'], { cwd: directory })
  mkdirSync(path.join(directory, 'classes'))
  await run('javac', ['-cp', 'lib/*', '-d', 'classes', path.join(import.meta.dirname, 'TahuNode.java')], { cwd: directory })
  return directory
}

suite('against Eclipse Tahu', { skip }, () => {
  test('an edge node of another make: births, every type, history, our STATE, a rebirth when a gateway starts anew, its death', { timeout: 240_000 }, async (t) => {
    const directory = await build(t)
    const broker = await startBroker()
    t.after(() => broker.stop())
    const { url, username = '', password = '' } = broker.connection
    const node = spawn('java', ['-cp', `classes${path.delimiter}lib/*`, 'TahuNode', url.replace('mqtt:', 'tcp:'), username, password, 'twinward'], { cwd: directory, stdio: ['pipe', 'pipe', 'ignore'] })
    const gone = once(node, 'exit')
    t.after(async () => {
      node.kill('SIGKILL')
      await gone
    })
    let births = 0
    createInterface({ input: node.stdout }).on('line', (line) => { if (line === 'born') births++ })
    const send = (name: string, ms: number, value: string, historical = false) => { node.stdin.write(`${name} ${ms} ${value}${historical ? ' historical' : ''}\n`) }

    const TYPES = ['Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'UInt32', 'UInt64', 'Float', 'Double', 'Boolean', 'String']
    const address = (type: string) => `tahu/line-1/press-4#${type}`
    const addresses = [...TYPES.map(address), 'tahu/line-1#Node/Double']
    const disk = new Map<string, unknown>()
    const config = sparkplug.config.parse({ url, username, password: { env: 'X' }, primaryHost: 'twinward', reorderTimeout: '500ms', rebirth: { every: '2s' } })
    const start = () => {
      const outlet = createCollectingOutlet(disk)
      const source = sparkplug.create(config, connectorContext(addresses, { secret: () => password }))
      const abort = new AbortController()
      const ended = source.run(outlet, abort.signal)
      t.after(() => { abort.abort() })
      return { outlet, source, stop: async () => { abort.abort(); await ended } }
    }
    const { outlet, source, stop } = start()
    const numeric = addresses.filter((one) => !one.endsWith('#String'))
    // It waits for its primary host, which is us.
    await outlet.until(() => numeric.every((one) => outlet.readings(one).some(({ quality }) => quality === GOOD)), 60_000)
    assert.match(source.health?.().detail ?? '', /press-4#String is not read: its type is String/)

    const ms = Date.now()
    const sent: [string, string, number][] = [
      ['Int8', '-128', -128], ['Int16', '-32768', -32768], ['Int32', '-2147483648', -2147483648], ['Int64', '-5', -5], ['UInt8', '255', 255], ['UInt16', '65535', 65535],
      ['UInt32', '4294967295', 4294967295], ['UInt64', '18446744073709551615', 2 ** 64], ['Float', '2.5', 2.5], ['Double', '-1e-300', -1e-300], ['Boolean', 'false', 0],
    ]
    for (const [type, text] of sent) send(type, ms, text)
    send('Node/Double', ms, '99.5')
    send('Double', ms + 1, 'null')
    send('Float', ms - 60_000, '7.5', true)
    await outlet.until(() => outlet.readings(address('Float')).at(-1)?.raw === 7.5, 30_000)
    for (const [type, , value] of sent) {
      const found = outlet.readings(address(type)).find(({ sourceUs }) => sourceUs === ms * 1_000)
      assert.deepEqual([type, found?.raw, found?.quality], [type, value, type === 'UInt64' ? UNCERTAIN : GOOD])
    }
    assert.deepEqual(outlet.readings('tahu/line-1#Node/Double').at(-1)?.raw, 99.5)
    assert.deepEqual([outlet.readings(address('Double')).at(-1)?.sourceUs, outlet.readings(address('Double')).at(-1)?.quality], [(ms + 1) * 1_000, BAD | qualityReasons.missing])
    assert.deepEqual(outlet.deliveries.filter(({ mode }) => mode === 'backfill').length, 1)

    // Browsed meanwhile, by a host that only listens.
    const { births: heard } = await listen({ broker: { ...config }, clientId: 'browse', topics: ['#'], listenMs: 1, rebirths: false, secret: () => password, signal: new AbortController().signal })
    assert.equal(heard.size, 0)
    const before = births
    const browsing = listen({ broker: { ...config }, clientId: 'browse', topics: ['#'], listenMs: 5_000, rebirths: true, secret: () => password, signal: new AbortController().signal })
    await sleep(1_000)
    send('Int8', Date.now(), '3')
    const metrics = (await browsing).births.get('tahu/line-1/press-4') ?? []
    assert.deepEqual(metrics.map(({ name, datatype, unitProperty }) => [name, typeName(datatype ?? 0), unitProperty]), TYPES.map((type) => [type, type, 'mm/s']))
    assert.ok(births > before, 'it was asked for its birth')

    await stop()
    const { outlet: second, source: again } = start()
    await second.until(() => numeric.every((one) => second.readings(one).some(({ quality }) => quality === GOOD)), 60_000)
    assert.deepEqual([second.losses.length, again.health?.().counters['malformed']], [1, 0])
    node.kill('SIGKILL')
    await second.until(() => numeric.every((one) => second.readings(one).at(-1)?.quality === (BAD | qualityReasons.communication)), 90_000)
  })
})
