import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startBroker, type TestBroker } from './broker.ts'
import { startEdge, type EdgeProcess } from './edge-process.ts'
import { programArgs } from './own-program.ts'
import { startReceiver, type Receiver } from './receiver.ts'
import { startReportDesk, type ReportDesk } from './report-desk.ts'

/** One reading as it arrived at the platform's side. */
export interface ArrivedReading { readonly tag: string; readonly us: number; readonly value: number; readonly quality: number; readonly mode: string }

/** A plant with a broker of its own, and a gateway between it and the platform's, run by a site file as `edge run` does. */
export interface EdgePlant {
  readonly directory: string
  readonly plant: TestBroker
  readonly receiver: Receiver
  readonly desk: ReportDesk
  /** Writes the site file; sources may use PLANT_URL, PLANT_USER and `{ env: PLANT_PASSWORD }`. */
  readonly write: (sources: string, head?: string) => void
  readonly run: () => Promise<EdgeProcess>
  readonly arrived: (tag?: string) => ArrivedReading[]
  readonly until: (what: string, holds: () => boolean, timeoutMs?: number) => Promise<void>
}

export async function startEdgePlant(t: TestContext, kind?: 'aedes' | 'mosquitto'): Promise<EdgePlant> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-plant-'))
  const platform = await startBroker()
  const plant = await startBroker(kind)
  const receiver = await startReceiver(platform.connection, 'works', 'gw-1')
  const desk = await startReportDesk(platform.connection, 'works', 'gw-1')
  const edges: EdgeProcess[] = []
  t.after(async () => {
    for (const { child } of edges) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await receiver.close()
    await desk.close()
    await plant.stop()
    await platform.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const file = path.join(directory, 'site.yaml')
  const { url, username = '', password = '' } = platform.connection
  const env = { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, PLANT_PASSWORD: plant.connection.password ?? '', TWINWARD_DATA_DIR: directory }
  return {
    directory, plant, receiver, desk,
    write(sources, head = '') {
      const text = `version: 1\nsite: works\ngateway: gw-1\nbuffer: { cap: 64 MiB }\nhealth: { listen: "127.0.0.1:0" }\n${head}sources:\n${sources}`
      writeFileSync(file, text.replaceAll('PLANT_URL', plant.connection.url).replaceAll('PLANT_USER', plant.connection.username ?? ''))
    },
    async run() {
      const edge = await startEdge([...await programArgs('infra/bin/cli.ts'), 'edge', 'run', file], env)
      edges.push(edge)
      return edge
    },
    arrived: (wanted) => [...receiver.batches.values()].sort((a, b) => a.batch.header.sequence - b.batch.header.sequence).flatMap(({ batch }) => {
      if (batch.kind !== 'readings') return []
      const { tags, tag, sourceUs, value, quality } = batch.columns
      return Array.from(value, (x, i) => ({ tag: tags[tag[i] ?? -1] ?? '', us: sourceUs[i] ?? 0, value: x, quality: quality[i] ?? 0, mode: batch.header.mode }))
    }).filter(({ tag }) => wanted === undefined || tag === wanted),
    async until(what, holds, timeoutMs = 60_000) {
      for (const endMs = performance.now() + timeoutMs; !holds();) {
        if (performance.now() > endMs) assert.fail(`waited in vain for ${what}\n${edges.at(-1)?.output().slice(-3_000) ?? ''}`)
        await sleep(25)
      }
    },
  }
}
