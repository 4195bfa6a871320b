import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { Float64, Schema, Table, tableFromIPC, tableToIPC, vectorFromArray } from 'apache-arrow'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { decodeBatch } from '../../../registry/domain/codec/decode.ts'
import { HEADER_KEY } from '../../../registry/domain/codec/header.ts'
import { readReport } from '../../../registry/domain/contract/read-report.ts'
import { listGaps } from '../../../registry/services/read/gaps.ts'
import { getGateway, listMappings } from '../../../registry/services/read/gateways.ts'
import { recordGatewayReport } from '../../../registry/services/record-gateway-report.ts'
import { createIngestPlant, S, T0, type IngestPlant } from '../../helpers/ingest-plant.ts'

const ACTOR = platformActor('test')
const recorded = (name: string) => new Uint8Array(readFileSync(path.join(import.meta.dirname, '../../fixtures/contract-1', name)))

async function plantFor(t: TestContext): Promise<IngestPlant> {
  const plant = await createIngestPlant()
  t.after(() => plant.drop())
  return plant
}

test('batches and a report as a gateway of contract 1 sent them land, value for value', async (t) => {
  const plant = await plantFor(t)
  for (const name of ['readings.arrow', 'waveforms.arrow']) assert.equal((await plant.land(recorded(name))).status, 'stored', name)
  await plant.store()
  const seconds = (s: number) => new Date((T0 + s * S) / 1000).toISOString().slice(0, 19).replace('T', ' ')
  const readings = await plant.readings()
  assert.equal(readings.length, 12)
  // 68 °F, and what was read after the sensor's calibration had run out: uncertain, with its reason.
  assert.equal(readings[0], `p/a ${seconds(0)}+00 1 20 68 0`)
  assert.equal(readings[5], `p/a ${seconds(50)}+00 1 45 113 2049`)
  assert.equal(readings[8], `p/b ${seconds(20)}+00 1 NaN NaN 10`)
  const [wave] = await plant.rows<{ interval_us: number; scale: number; n: number }>('select interval_us, scale, n from waveform')
  assert.deepEqual(wave, { interval_us: 39.0625, scale: 9.80665, n: 32 })

  const report = readReport(recorded('report.json'), { site: plant.site, gateway: 'gw-1' })
  const reply = await recordGatewayReport(plant.ctx, ACTOR, report, T0 + 61 * S)
  assert.deepEqual([reply.problem, reply.gaps, reply.mappings.length], [null, [{ id: 'c1-1', revision: 2 }], 1])
  assert.deepEqual((await listGaps(plant.ctx, ACTOR, { site: plant.site, asset: 'p', limit: 10 })).items.map(({ id, cause, tag }) => [id, cause, tag]), [['c1-1', 'source_silent', 'p/b']])
  assert.equal((await getGateway(plant.ctx, ACTOR, { site: plant.site, gateway: 'gw-1' })).version, '0.1.0')
  // The map by which its values were made is there under the digest that the batches name.
  const { items } = await listMappings(plant.ctx, ACTOR, { site: plant.site, gateway: 'gw-1', limit: 10 })
  assert.deepEqual(items.map(({ digest }) => digest), [decodeBatch(recorded('readings.arrow')).header.mappingDigest])
})

/** The recorded readings as another gateway would have sent them: with another header, and a column more. */
function rewritten(header: object, columns: Readonly<Record<string, number>> = {}): Uint8Array {
  const table = tableFromIPC(recorded('readings.arrow'))
  const more = Object.entries(columns).map(([name, value]) => [name, vectorFromArray(Array.from({ length: table.numRows }, () => value), new Float64())] as const)
  const wider = more.length === 0 ? table : table.assign(new Table(Object.fromEntries(more)))
  const before = JSON.parse(table.schema.metadata.get(HEADER_KEY) ?? '{}') as object
  return tableToIPC(new Table(new Schema(wider.schema.fields, new Map([[HEADER_KEY, JSON.stringify({ ...before, ...header })]])), wider.batches), 'stream')
}

test('what a later gateway says beyond this contract: fields of the header pass, columns and another contract do not, and are kept', async (t) => {
  const plant = await plantFor(t)
  assert.equal((await plant.land(rewritten({ sequence: 1, humidity: 0.4 }))).status, 'stored')

  const later = await plant.land(rewritten({ sequence: 2, contract: 2 }))
  assert.deepEqual([later.status, later.code], ['quarantined', 'contract_broken'])
  assert.match(later.message ?? '', /contract: /)

  await plant.land(rewritten({ sequence: 3 }, { colour: 1 }))
  await plant.store()
  const quarantine = await plant.rows<{ code: string; object_key: string | null; reason: string }>('select code, object_key, reason from quarantine order by quarantine_id')
  assert.equal(quarantine.length, 2)
  assert.match(quarantine[1]?.reason ?? '', /Column colour: the contract knows no such column/)
  for (const { object_key } of quarantine) assert.ok(object_key !== null && (await plant.objects.get('raw', object_key)).byteLength > 0, 'its bytes are kept')
  assert.equal((await plant.readings()).length, 12, 'the first one alone')
})
