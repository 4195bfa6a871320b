/**
 * `npm run bench`: every figure from one run on a fixed workload, on a platform of its own. Compare ratios, not rates:
 * both sides of a ratio were measured on the same machine in the same minutes.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { createPool } from '../../registry/store/pool.ts'
import { loadConfig } from '../config.ts'
import { startPlatform, type Platform } from '../platform.ts'
import { copyRowsPerSec } from './copy-baseline.ts'
import { gatewayRate, wholePathRate } from './gateway.ts'
import { latencies, platformRound } from './ingest.ts'
import { prepare } from './platform-setup.ts'
import { createPublisher } from './publisher.ts'
import { scoringRates } from './scoring.ts'
import { emptyRunMs, median, medianRunMs, quantile } from './workflow-cost.ts'
import { createStream } from './workload.ts'

const json = process.argv.includes('--json')
const say = (text: string) => { (json ? process.stderr : process.stdout).write(`${text}\n`) }
const round = (value: number) => Math.round(value)
const ratio = (value: number) => Math.round(value * 1000) / 1000

const ROUNDS = 3
const BATCHES = 32
const WAVE_SAMPLES = 4096

async function measure(platform: Platform): Promise<Record<string, Record<string, number>>> {
  const { database, mqtt, temporal } = platform.connections
  const startUs = (Math.floor(Date.now() / 1000) - 5 * 86_400) * 1_000_000
  await prepare(platform, startUs, say)
  const pool = createPool(database.url, { max: 2, applicationName: 'twinward-bench' })
  const publisher = await createPublisher(mqtt)
  const client = new Client({ connection: await Connection.connect({ address: temporal.address }), namespace: temporal.namespace })
  try {
    const copy: number[] = []
    const large: number[] = []
    const small: number[] = []
    const wave: number[] = []
    const [largeStream, smallStream, waveStream] = ['bench-large', 'bench-small', 'bench-wave'].map((gateway) => createStream(gateway, startUs + 86_400_000_000))
    if (!largeStream || !smallStream || !waveStream) throw new Error('three streams')
    for (let i = 0; i < ROUNDS; i++) {
      say(`round ${i + 1} of ${ROUNDS}`)
      copy.push(await copyRowsPerSec(database.migrationUrl))
      large.push((await platformRound(pool, publisher, Array.from({ length: BATCHES }, () => largeStream.readings(50_000)))).readingsPerSec)
      small.push((await platformRound(pool, publisher, Array.from({ length: 80 }, () => smallStream.readings(5_000)))).readingsPerSec)
      const recordings = Array.from({ length: 24 }, () => waveStream.waveforms(WAVE_SAMPLES))
      wave.push((await platformRound(pool, publisher, recordings)).readingsPerSec * WAVE_SAMPLES)
    }
    say('one batch a second, for the latency')
    const before = new Date().toISOString()
    const waits = await latencies(pool, publisher, 20, startUs + 3 * 86_400_000_000)
    const batchMs = await medianRunMs(client, `WorkflowType = 'ingestBatch' and ExecutionStatus = 'Completed' and StartTime > '${before}'`)
    say('the whole path, from a source through the durable buffer')
    const wholePath = await wholePathRate(platform, pool, startUs + 86_400_000_000)
    const gateway = await gatewayRate()
    say('the same workflow with empty activities')
    const empty = await emptyRunMs(temporal, 20)
    say('scoring')
    const scoring = await scoringRates()
    const platformReadings = median(large)
    return {
      ingest: {
        gatewayReadingsPerSec: round(gateway), platformReadingsPerSec: round(platformReadings), wholePathReadingsPerSec: round(wholePath),
        copyRowsPerSec: round(median(copy)), platformRatio: ratio(median(large.map((value, i) => value / (copy[i] ?? Number.NaN)))),
        smallBatchRatio: ratio(median(small.map((value, i) => value / (large[i] ?? Number.NaN)))),
        waveformSamplesPerSec: round(median(wave)), p50Ms: round(quantile(waits, 0.5)), p95Ms: round(quantile(waits, 0.95)),
      },
      workflow: { batchMs: round(batchMs), emptyMs: round(empty), ratio: ratio(batchMs / empty) },
      scoring: { rowsPerSec: round(scoring.rowsPerSec), bareRowsPerSec: round(scoring.bareRowsPerSec), ratio: ratio(scoring.ratio) },
    }
  } finally {
    await publisher.end()
    await client.connection.close()
    await pool.end()
  }
}

const dataDir = await mkdtemp(path.join(tmpdir(), 'twinward-bench-'))
let platform: Platform | undefined
try {
  platform = await startPlatform({ config: { ...loadConfig(), dataDir, port: 0 }, log: () => undefined })
  say('The platform is up.')
  const figures = await measure(platform)
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`)
  else for (const [group, values] of Object.entries(figures)) for (const [name, value] of Object.entries(values)) say(`  ${`${group}.${name}`.padEnd(32)} ${value.toLocaleString('en')}`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
} finally {
  await platform?.stop()
  await rm(dataDir, { recursive: true, force: true })
}
process.exit()
