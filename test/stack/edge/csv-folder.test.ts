import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { csvFolder } from '../../../edge/connectors/csv-folder/index.ts'
import { createCsvFolderSource } from '../../../edge/connectors/csv-folder/source.ts'
import { namePattern } from '../../../edge/connectors/csv-folder/config.ts'
import type { Source } from '../../../edge/source.ts'
import { parseSiteFile } from '../../../edge/site/site-file.ts'
import { startBroker } from '../../helpers/broker.ts'
import { createCollectingOutlet, type CollectingOutlet } from '../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../helpers/connector-context.ts'
import { startEdge } from '../../helpers/edge-process.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { seeded } from '../../helpers/random.ts'
import { readingsOf, startReceiver } from '../../helpers/receiver.ts'

const T0 = Date.UTC(2024, 0, 1)
/** Rows from..to of a file in which row n says n and 1000 + n at second n. */
const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${new Date(T0 + (from + i) * 1000).toISOString()};${from + i};${1000 + from + i}\n`).join('')
const head = 'when;a;b\n'

interface Watching { readonly folder: string; readonly outlet: CollectingOutlet; readonly source: Source; stop(): Promise<void>; counter(name: string): number; put(name: string, text: string): void }

async function watching(t: TestContext, { config = {}, outlet = createCollectingOutlet(), folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-exports-')), files = {}, forgetAfterMs }: {
  config?: object; outlet?: CollectingOutlet; folder?: string; files?: Record<string, string>; forgetAfterMs?: number
} = {}): Promise<Watching> {
  const put = (name: string, text: string) => {
    writeFileSync(path.join(folder, `.${name}`), text)
    renameSync(path.join(folder, `.${name}`), path.join(folder, name))
  }
  for (const [name, text] of Object.entries(files)) put(name, text)
  const parsed = csvFolder.config.parse({ folder, mode: 'backfill', lookEvery: '20ms', settledAfter: '60ms', delimiter: ';', time: { column: 'when', zone: 'UTC' }, ...config })
  const source = createCsvFolderSource(parsed, connectorContext(['a', 'b']), forgetAfterMs)
  const abort = new AbortController()
  const ended = source.run(outlet, abort.signal)
  const stop = async () => {
    abort.abort()
    await ended
  }
  t.after(async () => {
    await stop().catch(() => {})
    rmSync(folder, { recursive: true, force: true })
  })
  await Promise.race([ended, outlet.until(() => outlet.connections > 0)])
  return { folder, outlet, source, stop, put, counter: (name) => source.health?.().counters[name] ?? -1 }
}
const values = ({ outlet }: Watching, address = 'a') => outlet.readings(address).map(({ raw }) => raw)
const until = async (holds: () => boolean) => { while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 10) }) }
const upTo = (n: number, from = 0) => Array.from({ length: n - from }, (_, i) => from + i)

suite('a folder of exports', () => {
  test('files come once each, in the order of their first row, whatever they are called; others are left alone', async (t) => {
    const folder = await watching(t, { files: { 'z.csv': head + rows(0, 10), 'a.csv': head + rows(10, 20), 'notes.txt': 'hello', '.hidden.csv': head + rows(50, 51) } })
    await until(() => folder.counter('files') === 2)
    assert.deepEqual(values(folder), upTo(20))
    assert.deepEqual(values(folder, 'b'), upTo(1_020, 1_000))
    const claims = folder.outlet.deliveries.flatMap(({ completeThroughUs }) => completeThroughUs ?? [])
    assert.deepEqual(claims, [T0 * 1000 + 9_000_000, T0 * 1000 + 19_000_000])
    const looks = folder.counter('looks')
    await until(() => folder.counter('looks') > looks + 3)
    assert.equal(folder.outlet.readings('a').length, 20)
    assert.deepEqual(folder.source.health?.().state, 'ok')
    assert.deepEqual([folder.source.mode, folder.source.waits], ['backfill', true])
  })

  test('a file that grows goes on behind its last row, also when that was half a line', async (t) => {
    const folder = await watching(t, { config: { mode: 'live' } })
    folder.put('day.csv', head)
    await until(() => folder.counter('files') === 1)
    appendFileSync(path.join(folder.folder, 'day.csv'), rows(0, 5))
    await until(() => folder.counter('rows') === 5)
    const half = rows(5, 6).slice(0, -2)
    appendFileSync(path.join(folder.folder, 'day.csv'), half)
    await until(() => folder.counter('rows') === 6)
    assert.equal(values(folder, 'b').at(-1), 100)
    appendFileSync(path.join(folder.folder, 'day.csv'), `5\n${rows(6, 9)}`)
    await until(() => values(folder).length === 10)
    assert.deepEqual(values(folder), [0, 1, 2, 3, 4, 5, 5, 6, 7, 8])
    assert.deepEqual(values(folder, 'b').slice(5, 8), [100, 1005, 1006])
    assert.equal(folder.outlet.deliveries.at(-1)?.completeThroughUs, T0 * 1000 + 8_000_000)
  })

  test('another file of the same name is another file; the same one again is known, also after a restart', async (t) => {
    const folder = await watching(t, { files: { 'last.csv': head + rows(0, 5) } })
    await until(() => folder.counter('files') === 1)
    folder.put('last.csv', head + rows(5, 12))
    await until(() => folder.counter('files') === 2)
    assert.deepEqual(values(folder), upTo(12))
    await folder.stop()
    const again = await watching(t, { folder: folder.folder, outlet: createCollectingOutlet(folder.outlet.positions) })
    again.put('last.csv', head + rows(5, 12))
    again.put('new.csv', head + rows(12, 13))
    await until(() => again.counter('files') === 1)
    assert.deepEqual(values(again), [12])
  })

  test('what is kept of files goes when they have been gone for long, and not before', async (t) => {
    const outlet = createCollectingOutlet()
    const folder = await watching(t, { outlet, files: { 'one.csv': head + rows(0, 3), 'two.csv': head + rows(3, 6) } })
    await until(() => folder.counter('files') === 2)
    rmSync(path.join(folder.folder, 'one.csv'))
    const looks = folder.counter('looks')
    await until(() => folder.counter('looks') > looks + 5)
    assert.equal(outlet.positions.size, 2, 'a day has not passed')
    await folder.stop()
    await watching(t, { outlet, folder: folder.folder, forgetAfterMs: 50 })
    await until(() => outlet.positions.size === 1)
    assert.deepEqual([...outlet.positions.keys()], ['csv-folder/source-1/two.csv'])
  })

  test('a bad row is told with file, line and column, and counted; the rest lands; a file that does not fit the map waits for its cure', async (t) => {
    const folder = await watching(t, { files: { 'x.csv': `${head}${rows(0, 2)}soon;1;2\n${rows(2, 3)}2024-01-01T00:00:09Z;one;2\n`, 'y.csv': 'time;a\n1;2\n' } })
    await until(() => folder.counter('files') === 1 && folder.counter('files_refused') === 1)
    assert.deepEqual(values(folder), [0, 1, 2])
    assert.equal(folder.counter('bad_rows'), 2)
    const { state, detail } = folder.source.health?.() ?? { state: '', detail: '' }
    assert.equal(state, 'degraded')
    assert.match(detail ?? '', /y\.csv:1: there is no column "when"; the file has "time", "a"/)
    assert.match(detail ?? '', /2 of 5 rows of x\.csv were left out; x\.csv:4: column "when": "soon" is not a time/)
    folder.put('y.csv', head + rows(20, 21))
    await until(() => folder.counter('files') === 2)
    assert.equal(folder.source.health?.().state, 'ok')
  })

  test('done files are moved aside, none over another', async (t) => {
    const folder = await watching(t, { config: { done: { move: 'done' } }, files: { 'e.csv': head + rows(0, 2) } })
    const done = path.join(folder.folder, 'done')
    await until(() => existsSync(path.join(done, 'e.csv')))
    folder.put('e.csv', head + rows(2, 4))
    await until(() => existsSync(path.join(done, 'e-2.csv')))
    assert.deepEqual(readdirSync(folder.folder), ['done'])
    assert.deepEqual(values(folder), upTo(4))
  })

  test('a folder that cannot be read is told with its cure', async (t) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-exports-'))
    t.after(() => { rmSync(folder, { recursive: true, force: true }) })
    await assert.rejects(watching(t, { config: { folder: path.join(folder, 'none') } }), { code: 'unavailable', message: /none cannot be read \(ENOENT\); make it/ })
  })
})

test('patterns of names', () => {
  assert.deepEqual(['a.csv', 'a.csv.part', '.a.csv', 'b+(1).csv', 'csv'].filter((name) => namePattern('*.csv').test(name)), ['a.csv', 'b+(1).csv'])
  assert.deepEqual(['h1.txt', 'h12.txt', 'hx.txt'].filter((name) => namePattern('h?.txt').test(name)), ['h1.txt', 'hx.txt'])
})

test('mistakes in the site file are told with line and cure', async () => {
  const text = `version: 1
site: hamburg
gateway: gw-1
platform: { mqtt: "mqtt://127.0.0.1:9" }
sources:
  - id: historian
    type: csv-folder
    folder: exports
    time: { column: t, zone: Berlin }
    ignore: [x]
    tags:
      - { tag: pump-1/a, address: t, unit: "1" }
      - { tag: pump-1/b, address: x, unit: "1" }
`
  const lines = await parseSiteFile(text, 'site.yaml').then(() => '', (error: unknown) => (error as Error).message)
  for (const expected of [/site\.yaml:8: .*folder: write the whole path/, /site\.yaml:9: .*not an IANA time zone/, /site\.yaml:6: .*mode: is missing; write live for/]) assert.match(lines, expected)
  const mended = text.replace('exports', '/srv/exports').replace('Berlin', 'UTC').replace('ignore:', 'mode: live\n    ignore:')
  await assert.rejects(parseSiteFile(mended, 'site.yaml'), /"t" is the column of times[^]*"x" is among the columns to ignore/)
})

test('through the gateway, killed again and again: every row once, nothing of a full buffer given way to', async (t) => {
  const broker = await startBroker()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-csv-folder-'))
  const receiver = await startReceiver(broker.connection, 'hamburg', 'gw-1')
  const children: { kill(signal: NodeJS.Signals): boolean }[] = []
  t.after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await receiver.close()
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const exports = path.join(directory, 'exports')
  mkdirSync(exports)
  const n = 40_000
  for (let from = 0; from < n; from += 10_000) writeFileSync(path.join(exports, `part-${from / 10_000}.csv`), head + rows(from, from + 10_000))
  writeFileSync(path.join(directory, 'site.yaml'), `version: 1
site: hamburg
gateway: gw-1
buffer: { cap: 700 kB }
health: { listen: "127.0.0.1:0" }
sources:
  - id: historian
    type: csv-folder
    folder: ${exports}
    mode: backfill
    settledAfter: 10ms
    lookEvery: 50ms
    delimiter: ";"
    time: { column: when, zone: UTC }
    tags:
      - { tag: pump-1/a, address: a, unit: "1" }
      - { tag: pump-1/b, address: b, unit: "[degF]", canonicalUnit: Cel }
      - { tag: pump-2/b, address: b, unit: "1" }
`)
  const { url, username = '', password = '' } = broker.connection
  const run = async () => {
    const edge = await startEdge([...await programArgs('infra/bin/cli.ts'), 'edge', 'run', path.join(directory, 'site.yaml')],
      { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, TWINWARD_DATA_DIR: directory })
    children.push(edge.child)
    return edge
  }
  const random = seeded(Number(process.env['TWINWARD_TEST_SEED'] ?? 3))
  let edge = await run()
  for (let kill = 0; kill < 4; kill++) {
    await new Promise((resolve) => { setTimeout(resolve, 100 + random(500)) })
    await edge.stop('SIGKILL')
    edge = await run()
  }
  await edge.until(({ connectors, buffer }) => connectors[0]?.counters['files_waiting'] === 0 && buffer.rows === 0 && readingsOf(receiver).length >= 3 * n)
  const all = readingsOf(receiver)
  assert.equal(all.length, 3 * n)
  assert.equal(new Set(all).size, 3 * n)
  assert.ok(all.some((line) => line.startsWith(`pump-1/b ${T0 * 1000 + 212e6} 1212 655.55`)))
  assert.equal((await edge.health()).body.buffer.lostRows, 0)
  await edge.stop()
})
