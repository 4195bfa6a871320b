/**
 * `npm run bench`: every figure from one run on a fixed workload, on a platform of its own. Compare ratios, not rates:
 * both sides of a ratio were measured on the same machine in the same minutes. `--grow N` fills the platform to N million
 * readings instead and says round by round what a million costs.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { createPool } from '../../registry/store/pool.ts'
import { createApiClient } from '../cli/api-client.ts'
import { loadConfig } from '../config.ts'
import { startPlatform, type Platform } from '../platform.ts'
import { copyRowsPerSec } from './copy-baseline.ts'
import { gatewayRate } from './edge.ts'
import { wholePathRate } from './gateway.ts'
import { grow, growthLine, type GrowthStep } from './grow.ts'
import { demandWindows, latencies, platformRound } from './ingest.ts'
import { putReleaseInForce, registerFleets } from './platform-setup.ts'
import { createPublisher } from './publisher.ts'
import { scoringRates } from './scoring.ts'
import { emptyRunMs, median, medianRunMs, quantile } from './workflow-cost.ts'
import { createStream, type Publication } from './workload.ts'

const json = process.argv.includes('--json')
const growTo = process.argv.includes('--grow') ? Number(process.argv[process.argv.indexOf('--grow') + 1]) : undefined
if (growTo !== undefined && !(growTo > 0)) throw new Error('--grow takes a number of millions, e.g. --grow 30')
const say = (text: string) => { (json ? process.stderr : process.stdout).write(`${text}\n`) }
const round = (value: number) => Math.round(value)
const ratio = (value: number) => Math.round(value * 1000) / 1000

const ROUNDS = 5
/** A platform runs for months: until the rates stay the same. The first million readings cost half as much again, most of it for compiling. */
const WARM_ROUNDS = 5
const READINGS = 1_600_000
const LARGE = 50_000
const SMALL = 5_000
const RECORDINGS = 24
const WAVE_SAMPLES = 4096
const DAY_US = 86_400_000_000

async function measure(platform: Platform): Promise<Record<string, Record<string, number>>> {
  const { database, mqtt, temporal } = platform.connections
  const pool = createPool(database.url, { max: 2, applicationName: 'twinward-bench' })
  const publisher = await createPublisher(mqtt)
  const client = new Client({ connection: await Connection.connect({ address: temporal.address }), namespace: temporal.namespace })
  const admin = createApiClient(platform.url, (await readFile(platform.adminKeyFile, 'utf8')).trim())
  try {
    const startUs = Math.floor(Date.now() / 86_400_000 - 30) * DAY_US
    const [large, small, latency, wave] = [createStream('large', startUs), createStream('small', startUs), createStream('latency', startUs), createStream('wave', startUs)]
    const shipped = (count: number, batch: () => Publication) => platformRound(pool, publisher, Array.from({ length: count }, batch))
    await registerFleets(admin)
    say('filling a little history to train on')
    await shipped(8, () => large.readings(LARGE))
    say('training and promoting a release')
    await putReleaseInForce(admin)
    say('warming up')
    for (let i = 0; i < WARM_ROUNDS; i++) await shipped(READINGS / LARGE, () => large.readings(LARGE))
    await shipped(8, () => small.readings(SMALL))
    await shipped(2, () => wave.waveforms(WAVE_SAMPLES))
    await copyRowsPerSec(database.migrationUrl)
    const rates = { copy: [] as number[], large: [] as number[], small: [] as number[], wave: [] as number[] }
    for (let i = 0; i < ROUNDS; i++) {
      say(`round ${i + 1} of ${ROUNDS}`)
      // In turn, and one side of the ratio on both sides of the other: a machine whose speed drifts drifts for both.
      const copyBefore = await copyRowsPerSec(database.migrationUrl)
      rates.large.push(await shipped(READINGS / LARGE, () => large.readings(LARGE)))
      rates.copy.push((copyBefore + await copyRowsPerSec(database.migrationUrl)) / 2)
      rates.small.push(await shipped(READINGS / 4 / SMALL, () => small.readings(SMALL)))
      rates.wave.push(await shipped(RECORDINGS, () => wave.waveforms(WAVE_SAMPLES)) * WAVE_SAMPLES)
    }
    say('one batch a second, for the latency')
    const before = new Date().toISOString()
    const waits = await latencies(pool, publisher, latency, 20)
    const batchMs = await medianRunMs(client, `WorkflowType = 'ingestBatch' and ExecutionStatus = 'Completed' and StartTime > '${before}'`)
    for (const stream of [large, small, latency]) await demandWindows(pool, stream, 'score')
    await demandWindows(pool, wave, 'feature_window')
    say('the whole path, from a source through the durable buffer')
    const wholePath = await wholePathRate(platform, pool, startUs)
    const gateway = await gatewayRate()
    say('the same workflow with empty activities')
    const empty = await emptyRunMs(temporal, 20)
    say('scoring')
    const scoring = await scoringRates()
    return {
      ingest: {
        gatewayReadingsPerSec: round(gateway),
        platformReadingsPerSec: round(median(rates.large)),
        wholePathReadingsPerSec: round(wholePath),
        copyRowsPerSec: round(median(rates.copy)),
        platformRatio: ratio(medianRatio(rates.large, rates.copy)),
        smallBatchRatio: ratio(medianRatio(rates.small, rates.large)),
        waveformSamplesPerSec: round(median(rates.wave)),
        p50Ms: round(quantile(waits, 0.5)),
        p95Ms: round(quantile(waits, 0.95)),
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

/** Of pairs measured in the same minute, not of the medians of each. */
const medianRatio = (above: readonly number[], below: readonly number[]): number => median(above.map((value, i) => value / (below[i] ?? Number.NaN)))

/** Rounds of the large batches alone, each with its CPU time by process. */
async function measureGrowth(platform: Platform, millions: number): Promise<GrowthStep[]> {
  const { database, mqtt } = platform.connections
  const pool = createPool(database.url, { max: 2, applicationName: 'twinward-bench' })
  const publisher = await createPublisher(mqtt)
  const admin = createApiClient(platform.url, (await readFile(platform.adminKeyFile, 'utf8')).trim())
  try {
    const stream = createStream('large', Math.floor(Date.now() / 86_400_000 - 30) * DAY_US)
    await registerFleets(admin)
    await platformRound(pool, publisher, Array.from({ length: 8 }, () => stream.readings(LARGE)))
    await putReleaseInForce(admin)
    return await grow({ dataDir, migrationUrl: database.migrationUrl, pool, publisher, stream }, millions, (step) => { say(growthLine(step)) })
  } finally {
    await publisher.end()
    await pool.end()
  }
}

const dataDir = await mkdtemp(path.join(tmpdir(), 'twinward-bench-'))
let platform: Platform | undefined
try {
  platform = await startPlatform({ config: { ...loadConfig(), dataDir, port: 0 }, log: () => undefined })
  say('The platform is up.')
  const figures = growTo === undefined ? await measure(platform) : { growth: await measureGrowth(platform, growTo) }
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`)
  else if (!('growth' in figures)) for (const [group, values] of Object.entries(figures)) for (const [name, value] of Object.entries(values)) say(`  ${`${group}.${name}`.padEnd(32)} ${value.toLocaleString('en')}`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
} finally {
  await platform?.stop()
  await rm(dataDir, { recursive: true, force: true })
}
process.exit()
