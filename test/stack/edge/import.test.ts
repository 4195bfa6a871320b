import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { planImport, runImport, type ImportReport } from '../../../edge/import-csv.ts'
import { startBroker, type TestBroker } from '../../helpers/broker.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { readingsOf, startReceiver, type Receiver } from '../../helpers/receiver.ts'

const log = pino({ level: 'silent' })
const root = path.join(import.meta.dirname, '../../..')
const ROWS = 40_000
const START = Date.UTC(2024, 0, 1) * 1000

const mapText = `version: 1
site: works
asset: { id: pump-1, name: Pump 1, class: centrifugal-pump, family: pumps }
time: { column: time, format: unix-ms, zone: UTC }
tags:
  - { column: A, tag: a, role: a, unit: bar, canonicalUnit: kPa }
  - { column: B, tag: b, role: b, unit: A }
  - { column: C, tag: c, role: c, unit: V }
`
const csvText = (rows: number, from = 0) => `time,A,B,C\n${Array.from({ length: rows }, (_, i) => `${START / 1000 + (from + i) * 1000},${from + i},${(from + i) / 4},`).join('\n')}\n`

/** `tag time raw` of every reading a file of `csvText` holds; quality bad|missing where the cell is empty. */
const expected = (rows: number, from = 0) => Array.from({ length: rows }, (_, i) => from + i).flatMap((i) => [
  `pump-1/a ${START + i * 1e6} ${i} ${i * 100} 0`, `pump-1/b ${START + i * 1e6} ${i / 4} ${i / 4} 0`, `pump-1/c ${START + i * 1e6} NaN NaN 130`,
]).sort()

async function using(site: string, gateway: string, body: (context: { broker: TestBroker; receiver: Receiver; directory: string; file: (name: string, text: string) => string }) => Promise<void>) {
  const broker = await startBroker()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-import-'))
  const receiver = await startReceiver(broker.connection, site, gateway)
  try {
    await body({
      broker, receiver, directory,
      file(name, text) {
        writeFileSync(path.join(directory, name), text)
        return path.join(directory, name)
      },
    })
  } finally {
    await receiver.close()
    await broker.stop()
    rmSync(directory, { recursive: true })
  }
}

const importFiles = async (directory: string, broker: TestBroker, map: string, files: string[], skipBadRows = false): Promise<ImportReport> =>
  runImport({ plan: await planImport({ map, files }), bufferRoot: path.join(directory, 'buffers'), mqtt: broker.connection, log, skipBadRows })

test('a gateway killed again and again in mid-import delivers exactly the file\'s readings, once each', async () => {
  await using('works', 'import', async ({ broker, receiver, directory, file }) => {
    const map = file('map.yaml', mapText)
    const csv = file('history.csv', csvText(ROWS))
    // Slow answers keep batches on their way, so that kills find the import at every stage.
    receiver.answer = (_key, arrival) => (arrival === 1 ? { afterMs: 60 } : 'stored')
    const args = [...await programArgs('infra/bin/edge.ts'), '--source', 'csv', '--map', map, '--buffer', path.join(directory, 'buffers'), csv]
    const { url, username = '', password = '' } = broker.connection
    const live = (killAfterMs?: number) => new Promise<{ code: number | null; signal: NodeJS.Signals | null; out: string }>((resolve) => {
      const child = spawn(process.execPath, args, {
        env: { PATH: process.env['PATH'], MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, LOG_LEVEL: 'silent', TWINWARD_DATA_DIR: directory },
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      })
      let out = ''
      child.stdout?.on('data', (chunk: Buffer) => { out += chunk.toString() })
      child.once('message', () => { if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs) })
      child.once('close', (code, signal) => { resolve({ code, signal, out }) })
    })
    let kills = 0
    for (let i = 0; i < 6; i++) if ((await live(150 + Math.random() * 350)).signal === 'SIGKILL') kills++
    assert.ok(kills >= 3, `only ${kills} of 6 were killed in mid-import`)
    const last = await live()
    assert.equal(last.code, 0)
    const report = JSON.parse(last.out) as ImportReport
    assert.deepEqual(report.files.map(({ rows, readings, done }) => ({ rows, readings, done })), [{ rows: ROWS, readings: ROWS * 3, done: true }])
    assert.deepEqual(readingsOf(receiver), expected(ROWS))
    assert.equal(new Set([...receiver.batches.keys()].map((key) => key.split('/')[0])).size, 1, 'one epoch all the way')
    const headers = [...receiver.batches.values()].map(({ batch }) => batch.header).sort((a, b) => a.sequence - b.sequence)
    assert.deepEqual(headers.map(({ sequence }) => sequence), headers.map((_, i) => i + 1))
    assert.ok(headers.every(({ mode }) => mode === 'backfill'))
    assert.equal(headers.at(-1)?.completeThroughUs, START + (ROWS - 1) * 1e6)

    const arrivals = receiver.arrivals.length
    const again = await live()
    assert.equal((JSON.parse(again.out) as ImportReport).status, 'already-imported')
    assert.equal(receiver.arrivals.length, arrivals)
  })
})

test('bad rows hold everything back; with leave to skip them the good ones ship', async () => {
  await using('works', 'import', async ({ broker, receiver, directory, file }) => {
    const map = file('map.yaml', mapText)
    const lines = csvText(100).split('\n')
    lines[50] = 'noon,1,2,3'
    const csv = file('bad.csv', lines.join('\n'))
    await assert.rejects(importFiles(directory, broker, map, [csv]), { code: 'unprocessable', message: /bad\.csv:51: column "time"[^]*1 bad row of 100; nothing was imported/ })
    assert.equal(receiver.batches.size, 0)
    const report = await importFiles(directory, broker, map, [csv], true)
    assert.deepEqual([report.status, report.readings, report.skippedRows], ['imported', 297, 1])
    assert.deepEqual(readingsOf(receiver), expected(100).filter((line) => !line.includes(` ${START + 49e6} `)))
  })
})

test('files overlap in time: the promise waits for the later one; a second import is a stream of its own', async () => {
  await using('works', 'import', async ({ broker, receiver, directory, file }) => {
    const map = file('map.yaml', mapText)
    const both = [file('a.csv', csvText(20_000)), file('b.csv', csvText(20_000, 15_000))]
    await importFiles(directory, broker, map, both)
    const ofFirst = new Map([...receiver.batches].map(([key, { batch }]) => [key, batch]))
    let waiting = readingsOf(receiver).length
    for (const batch of [...ofFirst.values()].sort((a, b) => a.header.sequence - b.header.sequence)) {
      waiting -= batch.header.count
      if (waiting > 0 && batch.header.completeThroughUs !== null) {
        for (const later of ofFirst.values()) {
          if (later.header.sequence <= batch.header.sequence || later.kind !== 'readings') continue
          assert.ok(Math.min(...later.columns.sourceUs) > batch.header.completeThroughUs)
        }
      }
    }
    const third = await importFiles(directory, broker, map, [both[0] ?? '', file('older.csv', csvText(100, -500))])
    assert.deepEqual(third.files.map(({ name, before }) => [name, before]), [['older.csv', false], ['a.csv', true]])
    assert.equal(third.readings, 300)
    assert.equal(new Set([...receiver.batches.keys()].map((key) => key.split('/')[0])).size, 2)
  })
})

const skab = path.join(process.env['TWINWARD_TEST_DATA'] ?? path.join(root, '../shared/data'), 'skab')
test('real SKAB files arrive as they are', { skip: existsSync(skab) ? false : `no SKAB files at ${skab}` }, async () => {
  await using('skab', 'import', async ({ broker, receiver, directory }) => {
    const files = readdirSync(path.join(skab, 'valve1')).filter((name) => name.endsWith('.csv')).map((name) => path.join(skab, 'valve1', name))
    const report = await importFiles(directory, broker, path.join(root, 'edge/maps/skab.yaml'), files)
    assert.equal(report.status, 'imported')
    const source = files.flatMap((file) => {
      const [header = '', ...lines] = readFileSync(file, 'utf8').trim().split('\n')
      const flow = header.split(';').indexOf('Volume Flow RateRMS')
      return lines.map((line) => line.split(';')).map((cells) => `${Date.parse(`${cells[0]?.replace(' ', 'T')}Z`) * 1000} ${Number(cells[flow])}`)
    }).sort()
    const arrived = readingsOf(receiver).filter((line) => line.startsWith('pump-1/flow ')).map((line) => line.split(' ').slice(1, 3).join(' ')).sort()
    assert.ok(source.length > 1000)
    assert.deepEqual(arrived, source)
    assert.equal(readingsOf(receiver).length, source.length * 8)
  })
})
