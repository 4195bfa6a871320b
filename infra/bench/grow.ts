import type { Pool } from '../../registry/store/pool.ts'
import { inSite } from '../../registry/store/transaction.ts'
import { copyRowsPerSec } from './copy-baseline.ts'
import { cpuBetween, cpuSeconds, type CpuSeconds } from './cpu-usage.ts'
import { demandWindows, platformRound } from './ingest.ts'
import type { Publisher } from './publisher.ts'
import { benchSite, type BatchStream } from './workload.ts'

/** One round of a platform that fills: what a million readings cost when so many were stored. */
export interface GrowthStep {
  readonly storedMillions: number
  readonly readingsPerSec: number
  readonly copyRowsPerSec: number
  /** CPU seconds a million readings, all processes together and each that used a hundredth or more. */
  readonly cpuPerMillion: number
  readonly byProcess: CpuSeconds
}

export interface Growing {
  readonly dataDir: string
  readonly migrationUrl: string
  readonly pool: Pool
  readonly publisher: Publisher
  readonly stream: BatchStream
}

const BATCH = 50_000
const BATCHES = 32

/** Fills the platform to so many million readings in rounds like those of the bench, and says of each what it cost. */
export async function grow({ dataDir, migrationUrl, pool, publisher, stream }: Growing, millions: number, onStep: (step: GrowthStep) => void): Promise<GrowthStep[]> {
  const steps: GrowthStep[] = []
  const perRound = (BATCH * BATCHES) / 1e6
  while ((await storedReadings(pool)) / 1e6 < millions) {
    const batches = Array.from({ length: BATCHES }, () => stream.readings(BATCH))
    const copyBefore = await copyRowsPerSec(migrationUrl)
    const before = cpuSeconds(dataDir)
    const readingsPerSec = await platformRound(pool, publisher, batches)
    const used = cpuBetween(before, cpuSeconds(dataDir))
    const copy = (copyBefore + await copyRowsPerSec(migrationUrl)) / 2
    const step: GrowthStep = {
      storedMillions: rounded((await storedReadings(pool)) / 1e6, 1), readingsPerSec: Math.round(readingsPerSec), copyRowsPerSec: Math.round(copy),
      cpuPerMillion: rounded(Object.values(used).reduce((a, b) => a + b, 0) / perRound, 2),
      byProcess: Object.fromEntries(Object.entries(used).map(([name, seconds]) => [name, rounded(seconds / perRound, 2)] as const).filter(([, seconds]) => seconds >= 0.01)),
    }
    steps.push(step)
    onStep(step)
  }
  await demandWindows(pool, stream, 'score')
  return steps
}

export function growthLine({ storedMillions, readingsPerSec, copyRowsPerSec: copy, cpuPerMillion, byProcess }: GrowthStep): string {
  const shares = Object.entries(byProcess).sort(([, a], [, b]) => b - a).map(([name, seconds]) => `${name} ${seconds.toFixed(2)}`)
  return `${storedMillions.toFixed(1).padStart(6)} M stored  ${readingsPerSec.toLocaleString('en').padStart(9)}/s  COPY ${copy.toLocaleString('en').padStart(9)}/s`
    + `  ${(readingsPerSec / copy).toFixed(2)}  CPU s a million ${cpuPerMillion.toFixed(2)}: ${shares.join(', ')}`
}

async function storedReadings(pool: Pool): Promise<number> {
  const { rows } = await inSite(pool, benchSite, (tx) => tx.query<{ n: string }>(
    "select coalesce(sum((outcome->>'accepted')::bigint), 0) as n from raw_batch where state = 'committed' and kind = 'readings'"))
  return Number(rows[0]?.n)
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))
