import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createDemoPlant, demoPlantConfigSchema, type DemoPlantReport } from '../../../edge/index.ts'
import { startBroker } from '../../helpers/broker.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { startReceiver } from '../../helpers/receiver.ts'

const END = '2026-01-31T00:00:00Z'

test('the demo plant, stopped and killed on its way, arrives whole: every reading and recording once', async (t) => {
  const broker = await startBroker()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-plant-'))
  const receiver = await startReceiver(broker.connection, 'demo', 'demo-plant')
  t.after(async () => {
    await receiver.close()
    await broker.stop()
    rmSync(directory, { recursive: true })
  })
  receiver.answer = (_key, arrival) => (arrival === 1 ? { afterMs: 50 } : 'stored')
  const { url, username = '', password = '' } = broker.connection
  const program = await programArgs('infra/bin/edge.ts')
  const live = (signal?: NodeJS.Signals) => new Promise<{ code: number | null; signal: NodeJS.Signals | null; out: string }>((resolve) => {
    const child = spawn(process.execPath, [...program, '--source', 'demo', '--days', '3', '--end', END, '--seed', '5', '--buffer', directory], {
      env: { PATH: process.env['PATH'], MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, LOG_LEVEL: 'silent', TWINWARD_DATA_DIR: directory },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    let out = ''
    child.stdout?.on('data', (chunk: Buffer) => { out += chunk.toString() })
    child.once('message', () => { if (signal) setTimeout(() => child.kill(signal), 200 + Math.random() * 300) })
    child.once('close', (code, by) => { resolve({ code, signal: by, out }) })
  })
  const killed = await live('SIGKILL')
  assert.equal(killed.signal, 'SIGKILL')
  const stopped = await live('SIGTERM')
  assert.deepEqual([stopped.code, stopped.signal], [0, null])
  const last = await live()
  assert.equal(last.code, 0)
  const report = JSON.parse(last.out) as DemoPlantReport
  assert.equal(report.status, 'complete')

  const config = demoPlantConfigSchema.parse({ seed: 5, days: 3, endUs: Date.parse(END) * 1000 })
  const plant = createDemoPlant(config)
  assert.deepEqual(report.truth, plant.truth)
  const { startUs, endUs } = plant.truth
  const source = plant.readings(startUs, endUs + 1)
  const expected = Array.from(source.raw, (raw, i) => `${(source.addresses[source.address[i] ?? -1] ?? '').replace(/^P(\d+)\./, 'pump-$1/')} ${source.sourceUs[i]} ${raw}`).sort()
  const arrived: string[] = []
  const recordings: string[] = []
  const marks: number[] = []
  for (const { batch } of [...receiver.batches.values()].sort((a, b) => a.batch.header.sequence - b.batch.header.sequence)) {
    assert.equal(batch.header.mode, 'simulation')
    marks.push(batch.header.completeThroughUs ?? NaN)
    if (batch.kind === 'waveforms') recordings.push(...batch.rows.map(({ tag, startUs: at, samples }) => `${tag} ${at} ${samples.length}`))
    else for (let i = 0; i < batch.columns.tag.length; i++) arrived.push(`${batch.columns.tags[batch.columns.tag[i] ?? -1]} ${batch.columns.sourceUs[i]} ${batch.columns.raw[i]}`)
  }
  assert.equal(arrived.length, expected.length)
  assert.deepEqual(arrived.sort(), expected)
  assert.equal(recordings.length, 3 * 48 * 8)
  assert.equal(new Set(recordings).size, recordings.length)
  assert.ok(marks.every((mark, i) => Number.isFinite(mark) && mark >= (marks[i - 1] ?? startUs - 1)))
  assert.equal(marks.at(-1), endUs)
})
