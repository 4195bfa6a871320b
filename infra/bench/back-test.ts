/**
 * `npm run bench:backtest`: how fast stored scores are judged by another policy, on a PostgreSQL of its own. Fills ten
 * million scores (`--scores N` for another number) into the real tables, has the keeper's service pack them, and takes
 * the way of a gate's evidence: read, fold both policies, compare. `--json`: one object as the last line.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runBackTest } from '../../registry/domain/evaluation/back-test.ts'
import { compareRuns } from '../../registry/domain/evaluation/compare-runs.ts'
import type { AssetSeries } from '../../registry/domain/evaluation/fold-columns.ts'
import { platformActor } from '../../registry/domain/access/rights.ts'
import { tradeOff, withLevels } from '../../registry/domain/evaluation/trade-off.ts'
import { chunkScores } from '../../registry/services/back-test/chunk-scores.ts'
import { readJudgedFamily } from '../../registry/services/back-test/judged-family.ts'
import { previewPolicy } from '../../registry/services/back-test/preview-policy.ts'
import { familyInForce } from '../../registry/services/read/in-force.ts'
import { createPool, type Pool } from '../../registry/store/pool.ts'
import { inSite } from '../../registry/store/transaction.ts'
import { createScoredPlant, fillLedger, fillScores, plantFamilies, plantSite, stricter } from './scored-plant.ts'
import { startBenchDatabase } from './bench-database.ts'
import { median } from './workflow-cost.ts'

const json = process.argv.includes('--json')
const scores = process.argv.includes('--scores') ? Number(process.argv[process.argv.indexOf('--scores') + 1]) : 10_000_000
if (!(scores >= 1000)) throw new Error('--scores takes a number from 1000 up')
const say = (text: string) => { (json ? process.stderr : process.stdout).write(`${text}\n`) }

const ROUNDS = 3
const IN_FORCE_READS = 300
const actor = platformActor('bench')

async function timed<T>(work: () => T | Promise<T>): Promise<{ ms: number; result: T }> {
  const began = performance.now()
  const result = await work()
  return { ms: performance.now() - began, result }
}

/** Everything a gate's evidence does with stored scores, from PostgreSQL to the comparison, family by family. */
async function backTestAll(pool: Pool): Promise<{ windows: number; gained: number; series: AssetSeries[] }> {
  const all = { windows: 0, gained: 0, series: [] as AssetSeries[] }
  for (const family of plantFamilies) {
    const judged = await inSite(pool, plantSite, (tx) => readJudgedFamily(tx, { site: plantSite, family, days: 3650 }), { snapshot: true })
    const { series, failures, release: { policy } } = judged
    const [before, after] = [policy, stricter(policy)].map((one) => runBackTest({ series, policy: one, failures })) as [ReturnType<typeof runBackTest>, ReturnType<typeof runBackTest>]
    all.gained += compareRuns(before, after, { ...judged.context, listed: 300 }).alerts.gained
    all.series.push(...series)
    all.windows += series.reduce((sum, { columns }) => sum + columns.endUs.length, 0)
  }
  return all
}

/** What a loop over typed arrays takes that only counts how often a level is crossed, with a deadband: no delays, no times. */
function bareLoop(series: readonly AssetSeries[], raiseAt: number, clearAt: number): number {
  let raised = 0
  for (const { columns } of series) {
    const values = columns.signals.get('confidence') as Float64Array
    let on = false
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number
      if (on) on = !(value < clearAt)
      else if (value >= raiseAt) {
        on = true
        raised++
      }
    }
  }
  return raised
}

async function inForceMs(pool: Pool): Promise<number> {
  const ctx = { pool, objects: undefined as never, nowUs: () => Date.now() * 1000 }
  const reads: number[] = []
  for (let i = 0; i < IN_FORCE_READS; i++) {
    reads.push((await timed(() => familyInForce(ctx, actor, { site: plantSite, family: plantFamilies[i % plantFamilies.length] as string, atUs: Date.now() * 1000 - (i % 50) * 3_600_000_000 }))).ms)
  }
  return median(reads)
}

async function measure(database: { url: string; migrationUrl: string }): Promise<Record<string, number>> {
  const pool = createPool(database.url, { max: 4, applicationName: 'twinward-bench' })
  try {
    const plant = await createScoredPlant(pool)
    say(`filling ${scores.toLocaleString('en')} scores`)
    const fill = await timed(() => fillScores(database.migrationUrl, plant, scores))
    say(`filled in ${Math.round(fill.ms / 1000)} s; packing them as the keeper does`)
    const packing = await timed(() => chunkScores({ pool }, { site: plantSite }))
    say('cold: out of PostgreSQL, on connections of their own')
    const cold: number[] = []
    let series: AssetSeries[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const fresh = createPool(database.url, { max: 1, applicationName: 'twinward-bench' })
      try {
        const { ms, result } = await timed(() => backTestAll(fresh))
        if (result.windows !== fill.result || result.gained === 0) throw new Error(`${result.windows} of ${fill.result} scores were judged, ${result.gained} alerts gained`)
        cold.push(fill.result / (ms / 1000))
        series = result.series
      } finally {
        await fresh.end()
      }
    }
    say('warm: the same columns in memory')
    const policy = stricter(plant.policy)
    const warm: number[] = []
    const bare: number[] = []
    const { raiseAt, clearAt } = policy.rules[0] ?? { raiseAt: NaN, clearAt: NaN }
    for (let round = 0; round < 2 * ROUNDS + 1; round++) {
      bare.push(fill.result / ((await timed(() => { if (bareLoop(series, raiseAt, clearAt) === 0) throw new Error('nothing was raised') })).ms / 1000))
      warm.push(fill.result / ((await timed(() => { if (runBackTest({ series, policy, failures: [] }).episodes.length === 0) throw new Error('nothing was raised') })).ms / 1000))
    }
    say('a preview and a suggestion for one family')
    const family = plantFamilies[0] as string
    const previews: number[] = []
    for (let round = 0; round < ROUNDS; round++) previews.push((await timed(() => previewPolicy({ pool }, actor, { site: plantSite, family, days: 90, definition: policy }))).ms)
    const suggestion = await timed(async () => {
      const judged = await inSite(pool, plantSite, (tx) => readJudgedFamily(tx, { site: plantSite, family, days: 90 }), { snapshot: true })
      const rule = judged.release.policy.rules[0]
      if (rule === undefined) throw new Error('the policy has no rule')
      return tradeOff({ series: judged.series, policy: withLevels(judged.release.policy, rule.id, rule), rule, failures: judged.failures, span: judged.context.span, leadHours: null })
    })
    say('what was in force, with a thousand rows of ledger and with a million')
    await fillLedger(database.migrationUrl, 1000)
    const inForceMsAt1k = await inForceMs(pool)
    await fillLedger(database.migrationUrl, 1_000_000)
    const inForceMsAt1M = await inForceMs(pool)
    const rounded = (value: number, digits = 0) => Number(value.toFixed(digits))
    return {
      scores: fill.result,
      coldScoresPerSec: rounded(median(cold)), warmScoresPerSec: rounded(median(warm)), bareScoresPerSec: rounded(median(bare)),
      coldSeconds: rounded(fill.result / median(cold), 2),
      packedScoresPerSec: rounded(packing.result.windows / (packing.ms / 1000)),
      previewMs: rounded(median(previews)), previewScores: rounded(series.slice(0, plant.assetsPerFamily).reduce((sum, { columns }) => sum + columns.endUs.length, 0)),
      suggestMs: rounded(suggestion.ms),
      inForceMsAt1k: rounded(inForceMsAt1k, 3), inForceMsAt1M: rounded(inForceMsAt1M, 3), inForceRatio: rounded(inForceMsAt1M / inForceMsAt1k, 2),
    }
  } finally {
    await pool.end()
  }
}

const dataDir = await mkdtemp(path.join(tmpdir(), 'twinward-backtest-'))
const database = await startBenchDatabase(dataDir)
try {
  const figures = await measure(database)
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`)
  else for (const [name, value] of Object.entries(figures)) say(`  ${name.padEnd(20)} ${value.toLocaleString('en')}`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
} finally {
  await database.stop()
  await rm(dataDir, { recursive: true, force: true })
}
process.exit()
