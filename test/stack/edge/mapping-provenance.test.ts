import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { assetImportFromSite } from '../../../edge/site/assets.ts'
import { runSiteFile } from '../../../edge/site/run-site-file.ts'
import { readSiteFile } from '../../../edge/site/site-file.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import { createLanding } from '../../../infra/landing.ts'
import { topics } from '../../../registry/domain/contract/batch.ts'
import { startTestApi } from '../../helpers/api.ts'
import { machine } from '../../helpers/http-push.ts'
import { createIngestPlant } from '../../helpers/ingest-plant.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

const TOKEN = 'a-token-of-enough-characters'

test('by which map a value was made, and whether its sensor was in calibration, is told by the API; a changed map is another version', async (t) => {
  const { connections } = await useStack()
  const plant = await createIngestPlant({ nowUs: () => Date.now() * 1000 })
  t.after(() => plant.drop())
  const api = await startTestApi({ ...connections, database: { url: String(plant.pool.options.connectionString), migrationUrl: String(plant.pool.options.connectionString) } })
  t.after(() => api.stop())
  const gateway = freshPrefix()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-provenance-'))
  const file = path.join(directory, 'site.yaml')
  const port = await freePort()
  const siteFile = (offset: number) => `version: 1
site: { id: ${plant.site}, name: Plant }
gateway: ${gateway}
health: off
assets: { press-1: { class: press, family: presses } }
sources:
  - id: push
    type: http-push
    listen: "127.0.0.1:${port}"
    tokens: [{ name: press-1, secret: { env: TOKEN } }]
    tags:
      - { tag: press-1/oil-temp, address: oil, unit: "[degF]", canonicalUnit: Cel, offset: ${offset}, calibration: { due: 2024-06-01, certificate: C-17 } }
`
  writeFileSync(file, siteFile(0))
  const { url, username = '', password = '' } = connections.mqtt
  const env = { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, TOKEN }
  const call = async <T>(method: string, address: string, body?: unknown) => {
    const answer = await api.call<T>(api.adminKey, method, address, body)
    assert.ok(answer.status < 300, answer.text)
    return answer.body
  }
  await call('POST', '/v1/assets/import', assetImportFromSite(await readSiteFile(file, { env })))
  const landing = createLanding({ ctx: plant.ctx, mqtt: connections.mqtt, log: pino({ level: 'silent' }), clientId: freshPrefix(), filters: [topics.batch(plant.site, gateway)], reportFilters: [topics.report(plant.site, gateway)] })
  await landing.start()
  const runner = await runSiteFile({ file, env, version: 'test', reportEveryMs: 200, pollMs: 100, openLog: () => ({ log: pino({ level: 'silent' }), close: async () => {} }) })
  t.after(async () => {
    await runner.stop()
    await landing.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
    for (const endMs = performance.now() + 60_000; !await holds();) {
      assert.ok(performance.now() < endMs, `waited in vain for ${what}`)
      await new Promise((resolve) => { setTimeout(resolve, 50) })
    }
  }
  const send = machine(`http://127.0.0.1:${port}`, TOKEN)
  const listening = () => runner.site()?.status().connectors[0]?.state === 'ok'
  const shipped = async (batches: number) => {
    await until('the batch', async () => (await plant.rows('select 1 from raw_batch')).length === batches)
    const epochs = await plant.rows<{ epoch: string; sequence: string }>("select epoch, sequence from raw_batch where state = 'landed'")
    await plant.store({ gateway, epoch: epochs[0]?.epoch ?? '', sequences: epochs.map(({ sequence }) => Number(sequence)) })
  }
  await until('the gateway to listen', listening)
  const day = (text: string) => Date.parse(text)
  assert.equal((await send({ readings: [{ name: 'oil', value: 212, time: day('2024-05-31T12:00:00Z') }, { name: 'oil', value: 212, time: day('2024-06-01T12:00:00Z') }] })).status, 200)
  await shipped(1)

  const readings = await call<{ values: number[]; raw: number[]; quality: string[]; reasons: string[][] }>('GET', `/v1/readings?site=${plant.site}&tag=press-1/oil-temp&from=2024-05-01T00:00:00Z&to=2024-07-01T00:00:00Z`)
  assert.deepEqual([readings.values.map(Math.round), readings.raw, readings.quality, readings.reasons], [[100, 100], [212, 212], ['good', 'uncertain'], [[], ['calibrationExpired']]])
  const tags = await call<{ items: { tag: string; calibration: unknown; provenance: unknown }[] }>('GET', `/v1/tags?site=${plant.site}&asset=press-1`)
  assert.deepEqual(tags.items[0]?.calibration, { due: '2024-06-01T00:00:00.000Z', certificate: 'C-17' })
  assert.deepEqual(tags.items[0]?.provenance, { device: 'push', gateway, address: 'oil', samplingHz: null })

  // A corrected offset is another map: what came before names the former one, and both can be looked up.
  writeFileSync(file, siteFile(9))
  await until('the new site file', () => runner.plan().sources[0]?.map.tags[0]?.offset === 9 && listening())
  // The connection that was kept open is gone with the former server: a machine sends again, and so does this one.
  const again = () => send({ readings: [{ name: 'oil', value: 203, time: day('2024-06-02T12:00:00Z') }] }).then(({ status }) => status === 200, () => false)
  await until('an answer', again)
  await shipped(2)
  const batches = (await call<{ items: { sequence: number; mappingDigest: string }[] }>('GET', `/v1/batches?site=${plant.site}`)).items.sort((a, b) => a.sequence - b.sequence)
  assert.notEqual(batches[0]?.mappingDigest, batches[1]?.mappingDigest)
  type Mapping = { digest: string; document: { tags: { offset: number; calibrationDueUs: number }[] } }
  await until('both maps', async () => (await call<{ items: Mapping[] }>('GET', `/v1/gateways/${gateway}/mappings?site=${plant.site}`)).items.length === 2)
  const maps = (await call<{ items: Mapping[] }>('GET', `/v1/gateways/${gateway}/mappings?site=${plant.site}`)).items
  const offsets = batches.map(({ mappingDigest }) => maps.find(({ digest }) => digest === mappingDigest)?.document.tags[0]?.offset)
  assert.deepEqual(offsets, [0, 9])
  assert.ok(maps.every(({ document }) => document.tags[0]?.calibrationDueUs === day('2024-06-01T00:00:00Z') * 1000))
})
