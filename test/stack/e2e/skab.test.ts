import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { assetImportFromMap, readCsvMap } from '../../../edge/index.ts'
import { createApiClient } from '../../../infra/cli/api-client.ts'
import { waitFor } from '../../../infra/demo/wait.ts'
import { root } from '../../../infra/setup/paths.mjs'
import { createMinioStore } from '../../../registry/artifacts/minio.ts'
import type { FeatureSetInput } from '../../../registry/domain/features/feature-set.ts'
import type { PolicyInput } from '../../../registry/domain/policy/policy.ts'
import { appoint, approve, makePeople, openGate, runOperation, twoApprovals, type People } from '../../helpers/mill.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { startTestPlatform, type TestPlatform } from '../../helpers/platform.ts'

const data = path.join(process.env['TWINWARD_TEST_DATA'] ?? path.join(root, '../shared/data'), 'skab')
const skip = existsSync(data) ? false : `no SKAB files at ${data} (set TWINWARD_TEST_DATA)`
const site = 'skab'
const family = 'skab-pumps'
const map = path.join(root, 'edge/maps/skab.yaml')
const first = ['anomaly-free/anomaly-free.csv', 'valve1/0.csv']
const later = 'valve1/2.csv'
/** Column → tag, and the factor to its canonical unit: standard gravity, and litres a minute in cubic metres an hour. */
const tags: [column: string, tag: string, factor: number][] = [
  ['Accelerometer1RMS', 'vibration-1', 9.80665], ['Accelerometer2RMS', 'vibration-2', 9.80665], ['Current', 'motor-current', 1], ['Pressure', 'pressure', 1],
  ['Temperature', 'motor-temp', 1], ['Thermocouple', 'fluid-temp', 1], ['Voltage', 'voltage', 1], ['Volume Flow RateRMS', 'flow', 0.06],
]
const MINUTE = 60_000_000
const featureSet: FeatureSetInput = {
  name: 'skab-condition', version: 1, windowUs: MINUTE, hopUs: MINUTE / 2,
  features: ['vibration_1', 'vibration_2', 'motor_current', 'pressure', 'flow', 'fluid_temperature'].map((role) => ({ name: `${role}-mean`, role, kind: 'mean' as const })),
}
/** Raises on any running motor: backfill must page nobody however loud its decisions are. */
const policy = (version: number): PolicyInput => ({
  name: family, version,
  rules: [{ id: 'runs', signal: 'feature:motor_current-mean', comparison: 'above', raiseAt: 0.1 * version, clearAt: 0.01, severity: 'urgent', recommendedAction: 'Look.' }],
  routing: { channels: { low: [], medium: [], high: [], urgent: ['everybody'] }, acknowledgeWithinSeconds: 60 },
})

interface Cell { sourceUs: number; value: number }
function cells(file: string, column: string): Cell[] {
  const [header = '', ...lines] = readFileSync(path.join(data, file), 'utf8').trim().split(/\r?\n/)
  const at = header.split(';').indexOf(column)
  return lines.map((line) => line.split(';')).map((row) => ({ sourceUs: Date.parse(`${row[0]?.replace(' ', 'T')}Z`) * 1000, value: Number(row[at]) }))
}

describe('real SKAB recordings, from file to roll back', { skip }, () => {
  let on: TestPlatform
  let people: People
  let score = ''
  let releases: string[] = []
  const cli = async (...args: string[]) => {
    const run = await promisify(execFile)(process.execPath, [...await programArgs('infra/bin/cli.ts'), '--json', ...args], { env: on.env, maxBuffer: 1 << 24 })
    return JSON.parse(run.stdout) as Record<string, unknown>
  }
  const imports = (files: readonly string[], ...options: string[]) => cli('import', '--map', map, ...options, ...files.map((file) => path.join(data, file)))
  const counts = async () => (await on.sql<Record<string, number>>(`select
    (select count(*)::int from reading) as readings, (select count(*)::int from raw_batch) as batches, (select count(*)::int from quarantine) as quarantined,
    (select count(*)::int from feature_window) as windows, (select count(*)::int from score) as scores`))[0]!
  const drained = () => waitFor('every batch to be settled', async () => (await on.sql('select from raw_batch where windows_closed_at is null')).length === 0)

  before(async () => { on = await startTestPlatform() })
  after(async () => { await (on as TestPlatform | undefined)?.stop() })

  it('checks the files without shipping anything', async () => {
    const { plan } = await imports(first, '--dry-run') as { plan: { rows: number; badRows: number; readings: number } }
    const rows = first.reduce((sum, file) => sum + cells(file, 'Current').length, 0)
    assert.deepEqual([plan.rows, plan.badRows, plan.readings], [rows, 0, rows * tags.length])
    assert.equal((await on.sql("select from site where site_id = 'skab'")).length, 0)
    assert.equal((await counts())['batches'], 0)
  })

  it('knows the machine, its people and how its windows are measured', async () => {
    await on.admin.post('/v1/assets/import', assetImportFromMap(await readCsvMap(map)))
    people = await makePeople(on.admin, site)
    // Asks for the promotion, and could approve others: still not this one.
    await on.admin.post('/v1/actors', { id: 'max', name: 'Max', kind: 'person', roles: ['ml-engineer', 'reliability-engineer'] }, { site })
    const { key } = await on.admin.post<{ key: string }>('/v1/api-keys', { actor: 'max', label: 'test' }, { site })
    people = { ...people, mia: createApiClient(on.platform.url, key) }
    await on.admin.post('/v1/families', { id: family, name: 'SKAB pumps', owner: 'rita', governance: twoApprovals }, { site })
    await people.mia.post('/v1/feature-sets', { family, definition: featureSet }, { site })
    await people.mia.post('/v1/policies', { family, definition: policy(1) }, { site })
  })

  it('imports every reading, and the platform has them all', async () => {
    const report = await imports(first) as { status: string; readings: number }
    const rows = first.reduce((sum, file) => sum + cells(file, 'Current').length, 0)
    assert.deepEqual([report.status, report.readings], ['imported', rows * tags.length])
    await drained()
    const { readings, quarantined, windows } = await counts()
    assert.deepEqual([readings, quarantined], [rows * tags.length, 0])
    assert.ok((windows ?? 0) >= 150, `${windows} windows`)
  })

  for (const [column, tag, factor] of tags) {
    it(`stores ${tag} as it stands in the file, and in its canonical unit`, async () => {
      const expected = first.flatMap((file) => cells(file, column)).sort((a, b) => a.sourceUs - b.sourceUs)
      const stored = await on.sql<{ us: number; raw: number; value: number }>(
        'select (extract(epoch from source_time) * 1000000)::float8 as us, raw, value from reading where tag_key = $1 order by source_time', [`pump-1/${tag}`])
      assert.deepEqual(stored.map(({ us, raw }) => ({ sourceUs: us, value: raw })), expected)
      for (const { raw, value } of stored) assert.ok(Math.abs(value - raw * factor) <= 1e-12 * Math.abs(value), `${raw} became ${value}`)
    })
  }

  it('says of a second import that it was done, and changes nothing', async () => {
    const before = await counts()
    assert.equal((await imports(first))['status'], 'already-imported')
    assert.deepEqual(await counts(), before)
  })

  it('passes a gate that refuses its requester', async () => {
    const { release, gate } = await runOperation(people.mia, site, { kind: 'retrain-model', family, promote: true, reason: 'first' }) as { release: string; gate: string }
    const open = await openGate(people.rita, site, gate)
    await assert.rejects(approve(people.mia, site, open), { code: 'separation_of_duties' })
    await assert.rejects(approve(people.rita, site, { ...open, evidenceDigest: '0'.repeat(64) }), { code: 'evidence_changed' })
    await assert.rejects(approve(people.omar, site, open), { code: 'forbidden' })
    await appoint(people, site, gate)
    releases = [release]
    const inForce = await people.rita.get<{ items: { release: { id: string } }[] }>(`/v1/families/${family}/in-force`, { site })
    assert.deepEqual(inForce.items.map((one) => one.release.id), [release])
  })

  it('scores another file as history, and pages nobody', async () => {
    const before = await counts()
    const report = await imports([later]) as { status: string; readings: number }
    assert.deepEqual([report.status, report.readings], ['imported', cells(later, 'Current').length * tags.length])
    await drained()
    assert.equal((await counts())['readings'], before['readings']! + report.readings)
    const scores = await on.sql<{ score_id: string; lane: string; raised: boolean }>(
      `select score_id, lane, decision::text like '%"raised"%' as raised from score order by window_end`)
    assert.ok(scores.length >= 20, `${scores.length} scores`)
    assert.ok(scores.every(({ lane }) => lane === 'backfill'))
    assert.ok(scores.some(({ raised }) => raised), 'the policy raises on a running motor')
    assert.equal((await on.sql('select from alert')).length, 0)
    assert.equal((await on.sql("select from outbox where kind like 'alert%' or payload::text like '%alert.raised%'")).length, 0)
    score = scores[10]!.score_id
  })

  it('replays a score to the bit', async () => {
    assert.equal((await cli('replay', score, '--site', site))['class'], 'exact')
  })

  it('leads from a score down to the bytes that came in', async () => {
    const { nodes } = await people.rita.get<{ nodes: { id: string; kind: string }[] }>('/v1/lineage', { site, score })
    const kinds = new Set(nodes.map(({ kind }) => kind))
    for (const kind of ['score', 'window', 'readings', 'batch', 'release', 'model', 'dataset', 'feature-set', 'policy', 'approval']) assert.ok(kinds.has(kind), `${kind} in ${[...kinds].join(', ')}`)
    const objects = createMinioStore(on.platform.connections.s3)
    const batches = nodes.filter(({ kind }) => kind === 'batch')
    for (const { id } of batches) {
      const [row] = await on.sql<{ object_key: string; digest: string }>('select object_key, digest from raw_batch where batch_id = $1', [id.split('/')[1]])
      const bytes = await objects.get('raw', row!.object_key)
      assert.equal(createHash('sha256').update(bytes).digest('hex'), row!.digest)
    }
  })

  it('rolls back by one call, and the ledger holds it all', async () => {
    const { items: [made] } = await people.mia.get<{ items: { model: { name: string; version: number } }[] }>('/v1/releases', { site })
    const { name, version } = made!.model
    await people.mia.post('/v1/policies', { family, definition: policy(2) }, { site })
    const { id: second } = await people.mia.post<{ id: string }>('/v1/releases', { model: { name, version }, policyVersion: 2 }, { site })
    const { gate } = await people.mia.post<{ gate: string }>('/v1/gates', { release: second, reason: 'other threshold' }, { site })
    assert.equal((await approve(people.rita, site, await openGate(people.rita, site, gate))).state, 'approved')
    const back = () => people.rita.post<{ release: string; repeated: boolean }>(`/v1/families/${family}/roll-back`, { reason: 'worse', requestId: 'once' }, { site })
    assert.deepEqual([await back(), await back()].map(({ release, repeated }) => [release, repeated]), [[releases[0], false], [releases[0], true]])

    const ledger = await waitFor('the ledger to be sealed', async () => {
      const found = await people.rita.get<{ ok: boolean; checked: number; pending: number }>('/v1/ledger/verify', { site })
      return found.pending === 0 ? found : undefined
    })
    assert.ok(ledger.ok && ledger.checked >= 5, JSON.stringify(ledger))
    await assert.rejects(on.sql("update ledger_entry set body = '{}'"), /append-only/)
    await assert.rejects(on.sql('delete from ledger_entry'), /append-only/)
    await assert.rejects(on.sql('truncate ledger_entry cascade'), /append-only/)
  })
})
