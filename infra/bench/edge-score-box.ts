/**
 * The box of `bench:edge-score`, in a process of its own with nothing loaded but what a deployed gateway has: bundles are
 * opened, then each machine's windows are judged as they fall due. Paced: one window a second of each machine, spread
 * over the second, for the CPU and the latency; then as fast as it goes, for the rate.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAssetJudge, type AssetJudge } from '../../edge/judge/asset-judge.ts'
import type { TagReadings } from '../../edge/judge/recent-readings.ts'
import { openBundle } from '../../registry/domain/bundle/open.ts'
import { watchMemory, type MemoryPeak } from './memory-peak.ts'

export interface BoxTask { readonly bundle: string; readonly machines: number; readonly pacedSeconds: number; readonly fastWindows: number; readonly readingsPerWindow: number }
export interface BoxFigures extends MemoryPeak { readonly windowsPerSec: number; readonly p50Ms: number; readonly p99Ms: number; readonly coreShare: number; readonly windows: number }

const { bundle: file, machines, pacedSeconds, fastWindows, readingsPerWindow } = JSON.parse(process.argv[2] ?? '{}') as BoxTask
const memory = watchMemory()
const bundle = openBundle(readFileSync(file), () => 'good')
const { hopUs, windowUs } = bundle.manifest.featureSet.definition
const T0 = 1_772_366_400_000_000
const perHop = Math.round((readingsPerWindow * hopUs) / windowUs)

interface Box { readonly judge: AssetJudge; readonly tags: readonly string[]; hop: number; readonly phase: number }
const boxes = bundle.manifest.assets.slice(0, machines).map((asset, phase): Box => {
  const judge = createAssetJudge({ bundle, asset, node: process.version })
  return { judge, tags: [...judge.tags], hop: 0, phase }
})

/** One hop's readings of every tag of a machine, and what falls due with them. */
function step(box: Box): { windows: number; ms: number } {
  const fromUs = T0 + box.hop * hopUs
  const readings = box.tags.map((tag, t): TagReadings => ({
    tag, quality: null, timesUs: Float64Array.from({ length: perHop }, (_, i) => fromUs + (i * hopUs) / perHop),
    values: Float64Array.from({ length: perHop }, (_, i) => 20 + t + Math.sin((box.hop * perHop + i) * (1.3 + 0.1 * t) + box.phase)),
  }))
  box.hop++
  const startedMs = performance.now()
  box.judge.take(readings)
  const windows = box.judge.closeThrough(fromUs + hopUs).length
  return { windows, ms: performance.now() - startedMs }
}

// Every machine's first window whole, and the code warm.
for (const box of boxes) for (let i = 0; i < Math.ceil(windowUs / hopUs) + 30; i++) step(box)

const latencies: number[] = []
const startCpu = process.cpuUsage()
const startedMs = performance.now()
for (let turn = 0; turn < pacedSeconds * boxes.length; turn++) {
  const dueMs = startedMs + (turn * 1000) / boxes.length
  const early = dueMs - performance.now()
  if (early > 1) await sleep(early)
  const { windows, ms } = step(boxes[turn % boxes.length] as Box)
  if (windows > 0) latencies.push(ms)
}
const pacedMs = performance.now() - startedMs
const { user, system } = process.cpuUsage(startCpu)
latencies.sort((a, b) => a - b)

let done = 0
let busyMs = 0
for (let turn = 0; done < fastWindows; turn++) {
  const { windows, ms } = step(boxes[turn % boxes.length] as Box)
  done += windows
  busyMs += ms
}

const quantile = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN
const figures: BoxFigures = {
  windowsPerSec: Math.round(done / (busyMs / 1000)), p50Ms: round(quantile(0.5)), p99Ms: round(quantile(0.99)),
  coreShare: round((user + system) / 1000 / pacedMs), windows: latencies.length, ...memory.stop(),
}
process.send?.(figures)
process.disconnect()

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
