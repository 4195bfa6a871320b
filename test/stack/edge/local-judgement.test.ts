import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { createDemoPlant, demoPlantConfigSchema } from '../../../edge/index.ts'
import { demoPlantTagMap } from '../../../edge/connectors/demo-plant/index.ts'
import { scalarTags, waveformTags } from '../../../edge/connectors/demo-plant/tags.ts'
import { createNormaliser } from '../../../edge/normalise.ts'
import { createGrowingRows } from '../../../edge/reading-rows.ts'
import { demoFeatureSet, demoPolicy } from '../../../infra/demo/definitions.ts'
import { root } from '../../../infra/setup/paths.mjs'
import type { FeatureSetInput } from '../../../registry/domain/features/feature-set.ts'
import type { PolicyInput } from '../../../registry/domain/policy/policy.ts'
import type { FeatureWindow } from '../../../registry/store/feature-windows.ts'
import { agree, fitReleases, platformWindows, type Agreement, type Recorded } from '../../helpers/local-judgement.ts'

const DAY = 86_400_000_000

/** Every reading of one pump over the plant's time, as the gateway makes it canonical. */
function recordPump(config: ReturnType<typeof demoPlantConfigSchema.parse>, pump: string): Recorded {
  const plant = createDemoPlant(config)
  const normaliser = createNormaliser(demoPlantTagMap(config))
  const scalars = new Map<string, { times: number[]; values: number[]; quality: number[] }>()
  const waveforms: Recorded['waveforms'][number][] = []
  const roles = new Map([...scalarTags, ...waveformTags].map(({ name, role }) => [`${pump}/${name}`, role]))
  for (let fromUs = plant.truth.startUs; fromUs <= plant.truth.endUs; fromUs += DAY) {
    const growing = createGrowingRows()
    normaliser.readings(normaliser.byMap(plant.readings(fromUs, fromUs + DAY)), 0, growing, 0)
    const rows = growing.rows()
    for (let i = 0; i < rows.length; i++) {
      const role = roles.get(normaliser.tags[rows.tag[i] as number] as string)
      if (role === undefined) continue
      const series = scalars.get(role) ?? { times: [], values: [], quality: [] }
      scalars.set(role, series)
      series.times.push(rows.sourceUs[i] as number)
      series.values.push(rows.value[i] as number)
      series.quality.push(rows.quality[i] as number)
    }
    for (const { tag, gatewayUs: _, ...wave } of normaliser.waveforms({ kind: 'waveforms', rows: plant.waveforms(fromUs, fromUs + DAY) }, 0)) {
      const role = roles.get(tag)
      if (role !== undefined) waveforms.push({ ...wave, role })
    }
  }
  return {
    waveforms,
    scalars: new Map([...scalars].map(([role, { times, values, quality }]) =>
      [role, { timesUs: Float64Array.from(times), values: Float64Array.from(values), quality: Uint16Array.from(quality) }])),
  }
}

const told = (what: string, { windows, fired, transitions, largestRelative, exact }: Agreement) =>
  `${what}: ${windows} windows, ${fired} with a rule in force, ${transitions} transitions, ${exact ? 'exact' : `scores within ${largestRelative.toExponential(1)}`}`

describe('a gateway judges as the platform does', () => {
  it('every window of the whole demo plant: bearing, dying sensor, planned stop and the healthy one, by both kinds of model', { timeout: 900_000 }, async (t) => {
    const config = demoPlantConfigSchema.parse({ endUs: Date.parse('2026-03-01T00:00:00Z') * 1000 })
    const pumps = Array.from({ length: config.pumps }, (_, i) => `pump-${i + 1}`)
    const early: FeatureWindow[] = []
    const windowsOf = new Map<string, FeatureWindow[]>()
    for (const pump of pumps) {
      const windows = await platformWindows(demoFeatureSet, recordPump(config, pump))
      windowsOf.set(pump, windows)
      early.push(...windows.filter(({ endUs }) => endUs < config.endUs - 13 * DAY))
    }
    const releases = await fitReleases(demoFeatureSet, early.sort((a, b) => a.endUs - b.endUs))
    for (const pump of pumps) {
      const recorded = recordPump(config, pump)
      for (const release of releases) {
        const agreement = await agree(demoFeatureSet, demoPolicy(1, 0.05), release, recorded, windowsOf.get(pump) as FeatureWindow[])
        t.diagnostic(told(`${pump}, ${release.artifact.kind}`, agreement))
        assert.ok(agreement.windows > 900, `${agreement.windows} windows`)
        assert.equal(agreement.exact, release.artifact.kind === 'pca')
        if (pump === 'pump-2') assert.ok(agreement.transitions > 0 && agreement.fired > 0, 'the failing bearing raises a rule')
      }
    }
  })

  const data = path.join(process.env['TWINWARD_TEST_DATA'] ?? path.join(root, '../shared/data'), 'skab')
  it('every window of the SKAB files', { timeout: 900_000, skip: existsSync(data) ? false : `no SKAB files at ${data} (set TWINWARD_TEST_DATA)` }, async (t) => {
    const columns = ['Accelerometer1RMS', 'Accelerometer2RMS', 'Current', 'Pressure', 'Temperature', 'Thermocouple', 'Voltage']
    const roleOf = (column: string) => column.toLowerCase()
    const S = 1_000_000
    const set: FeatureSetInput = {
      name: 'skab', version: 1, windowUs: 20 * S, hopUs: 5 * S,
      features: columns.flatMap((column) => (['mean', 'std'] as const).map((kind) => ({ name: `${roleOf(column)}-${kind}`, role: roleOf(column), kind }))),
    }
    const rule = { comparison: 'above', recommendedAction: 'Look.', onDelayUs: 10 * S, offDelayUs: 20 * S } as const
    const policy: PolicyInput = {
      name: 'skab', version: 1,
      rules: [{ ...rule, id: 'anomaly', signal: 'confidence', raiseAt: 0.99, clearAt: 0.9, severity: 'high' }, { ...rule, id: 'score', signal: 'score', raiseAt: 3, clearAt: 1, severity: 'low' }],
      routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 60 },
    }
    const read = (file: string): Recorded => {
      const [header = '', ...lines] = readFileSync(path.join(data, file), 'utf8').trim().split(/\r?\n/)
      const names = header.split(';')
      const rows = lines.map((line) => line.split(';')).map((row) => ({ us: Date.parse(`${row[0]?.replace(' ', 'T')}Z`) * 1000, row })).sort((a, b) => a.us - b.us)
      return {
        waveforms: [],
        scalars: new Map(columns.map((column) => [roleOf(column), {
          timesUs: Float64Array.from(rows, ({ us }) => us), values: Float64Array.from(rows, ({ row }) => Number(row[names.indexOf(column)])), quality: null,
        }])),
      }
    }
    const releases = await fitReleases(set, await platformWindows(set, read('anomaly-free/anomaly-free.csv')))
    const files = ['anomaly-free', 'valve1', 'valve2', 'other'].flatMap((folder) => readdirSync(path.join(data, folder)).filter((name) => name.endsWith('.csv')).sort().map((name) => `${folder}/${name}`))
    assert.ok(files.length >= 18, `${files.length} files`)
    for (const release of releases) {
      const all: Agreement[] = []
      for (const file of files) {
        const recorded = read(file)
        all.push(await agree(set, policy, release, recorded, await platformWindows(set, recorded)))
      }
      const sum = (of: (agreement: Agreement) => number) => all.reduce((total, one) => total + of(one), 0)
      const total = { windows: sum((one) => one.windows), fired: sum((one) => one.fired), transitions: sum((one) => one.transitions), largestRelative: Math.max(...all.map((one) => one.largestRelative)), exact: all.every(({ exact }) => exact) }
      t.diagnostic(told(`SKAB, ${release.artifact.kind}`, total))
      assert.ok(total.windows > 4000 && total.transitions > 20, JSON.stringify(total))
      assert.equal(total.exact, release.artifact.kind === 'pca')
    }
  })
})
