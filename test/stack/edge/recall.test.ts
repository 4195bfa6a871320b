import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { storeBatches } from '../../../activities/ingest.ts'
import { createDecodedCache } from '../../../activities/decoded-cache.ts'
import { runSiteFile } from '../../../edge/site/run-site-file.ts'
import { runCli } from '../../../infra/cli/run.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import { createLanding } from '../../../infra/landing.ts'
import { topics } from '../../../registry/domain/contract/batch.ts'
import { startTestApi } from '../../helpers/api.ts'
import { machine } from '../../helpers/http-push.ts'
import { createJudgingSite, S } from '../../helpers/judging.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

const TOKEN = 'a-token-of-enough-characters'
const MINUTE = 60 * S
/** The same minute of yesterday, on a full ten minutes. */
const YESTERDAY = Math.floor((Date.now() * 1000 - 86_400 * S) / (10 * MINUTE)) * 10 * MINUTE

test('yesterday\'s waveforms stay on the box, come when they are asked for, as backfill, and page nobody', async (t) => {
  const { connections } = await useStack()
  const site = await createJudgingSite({
    extraRoles: ['wave_de'],
    featureSet: { name: 'shake', version: 1, windowUs: MINUTE, hopUs: MINUTE, features: (['wave_rms', 'wave_peak'] as const).map((kind) => ({ name: `wave_de_${kind}`, role: 'wave_de', kind, minCount: 1 })) },
  })
  t.after(() => site.drop())
  await site.assign(await site.release({ rules: [{ id: 'shaking', signal: 'feature:wave_de_wave_rms', comparison: 'above', raiseAt: 5, clearAt: 4, severity: 'high', failureMode: 'VIB', onDelayUs: 0, offDelayUs: 0, recommendedAction: 'Look at it.' }] }))
  const api = await startTestApi({ ...connections, database: { url: site.database.url, migrationUrl: site.database.migrationUrl } })
  t.after(() => api.stop())

  const gateway = freshPrefix()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-recall-'))
  const port = await freePort()
  const { url, username = '', password = '' } = connections.mqtt
  const landing = createLanding({ ctx: site.ctx, mqtt: connections.mqtt, log: pino({ level: 'silent' }), clientId: freshPrefix(), filters: [topics.batch(site.site, gateway)], reportFilters: [topics.report(site.site, gateway)] })
  await landing.start()
  writeFileSync(path.join(directory, 'site.yaml'), `version: 1
site: ${site.site}
gateway: ${gateway}
health: off
buffer: { cap: 64 MiB, keepRaw: { for: 7 d, cap: 64 MiB } }
sources:
  - id: push
    type: http-push
    listen: "127.0.0.1:${port}"
    tokens: [{ name: pump-1, secret: { env: TOKEN } }]
    tags:
      - { tag: pump-1/wave_de, address: shake, kind: waveform, unit: "1", ship: { every: 10 min } }
      - { tag: pump-1/vibration, address: level, unit: "1" }
      - { tag: pump-1/temperature, address: level, unit: "1", ship: { aggregate: { every: 10 min, of: max } } }
`)
  const runner = await runSiteFile({
    file: path.join(directory, 'site.yaml'), env: { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, TOKEN }, version: 'test', reportEveryMs: 200,
    openLog: () => ({ log: pino({ level: 'silent' }), close: async () => {} }),
  })
  t.after(async () => {
    await runner.stop()
    await landing.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  while (runner.site()?.status().connectors[0]?.state !== 'ok') await new Promise((resolve) => { setTimeout(resolve, 20) })
  const send = machine(`http://127.0.0.1:${port}`, TOKEN)
  /** Forty minutes of one waveform a minute: quiet in each tenth minute, shaking in the others. */
  const waveform = (minute: number, amplitude = minute % 10 === 0 ? 1 : 9) => ({ name: 'shake', start: (YESTERDAY + minute * MINUTE + S) / 1000, intervalUs: 1000, samples: Array.from({ length: 64 }, (_, i) => amplitude * (i % 2 === 0 ? 1 : -1)) })
  for (let minute = 0; minute < 40; minute++) {
    const answer = await send({ waveforms: [waveform(minute)], readings: [{ name: 'level', value: minute, time: (YESTERDAY + minute * MINUTE) / 1000 }] })
    assert.deepEqual([answer.status, answer.body.waveforms, answer.body.readings], [200, 1, 1])
  }

  const months = new Set<string>()
  const settle = async () => {
    const batches = await site.asOwner<{ batch_id: string; epoch: string; state: string }>('select batch_id, epoch, state from raw_batch order by sequence')
    const waiting = batches.filter(({ state }) => state === 'landed')
    const [first] = waiting
    if (first) await storeBatches({ pool: site.pool, objects: site.objects, cache: createDecodedCache({ maxBytes: 1 << 24 }) }, months, { site: site.site, gateway, epoch: first.epoch, batchIds: waiting.map(({ batch_id }) => batch_id) })
    await site.close(...batches.map(({ batch_id }) => batch_id))
  }
  const waveforms = (lane: string) => site.asOwner<{ minute: number }>(
    `select ((extract(epoch from w.t_start) * 1000000 - $1) / 60000000)::int as minute from waveform w join raw_batch b using (batch_id) where b.lane = $2 order by 1`, [YESTERDAY, lane])
  const until = async (what: string, holds: () => Promise<boolean> | boolean) => {
    for (const endMs = performance.now() + 60_000; !await holds();) {
      if (performance.now() > endMs) assert.fail(`waited in vain for ${what}`)
      await new Promise((resolve) => { setTimeout(resolve, 50) })
    }
  }
  await until('everything to have shipped', () => runner.site()?.status().buffer.rows === 0)
  await settle()
  assert.deepEqual((await waveforms('live')).map(({ minute }) => minute), [0, 10, 20, 30], 'the first of each ten minutes')
  assert.equal((await site.asOwner('select 1 from alert')).length, 0, 'those are quiet ones')

  const call = async (...args: string[]) => {
    let [out, err] = ['', '']
    const code = await runCli(['--url', api.address, '--site', site.site, ...args], { env: { TWINWARD_API_KEY: api.adminKey, TWINWARD_DATA_DIR: directory }, live: false, out: (text) => { out += text }, err: (text) => { err += text } })
    return { code, out, err }
  }
  const iso = (us: number) => new Date(us / 1000).toISOString()
  const { code, out, err } = await call('--json', 'recall', gateway, '--tag', 'pump-1/wave_de', 'pump-1/vibration', '--from', iso(YESTERDAY + 5 * MINUTE), '--to', iso(YESTERDAY + 25 * MINUTE), '--wait')
  assert.equal(code, 0, err)
  const recall = JSON.parse(out) as { state: string; rows: number }
  assert.deepEqual([recall.state, recall.rows], ['done', 20 + 20])
  await until('the recalled ones to have landed', () => runner.site()?.status().buffer.rows === 0)
  await settle()
  assert.deepEqual((await waveforms('backfill')).map(({ minute }) => minute), Array.from({ length: 20 }, (_, i) => 5 + i).filter((minute) => minute % 10 !== 0), 'each minute of the period that was not there yet, and none beyond')
  const readings = await site.asOwner<{ tag_key: string; n: number; lane: string }>('select tag_key, b.lane, count(*)::int as n from reading join raw_batch b using (batch_id) group by 1, 2 order by 1, 2')
  // The platform has these vibrations already; the temperature is of the same address, and was not asked for.
  assert.deepEqual(readings.map(({ tag_key, lane, n }) => `${tag_key} ${lane} ${n}`), ['pump-1/temperature live 3', 'pump-1/vibration live 40'])

  const [scored] = await site.asOwner<{ n: number }>("select count(*)::int as n from score where lane = 'backfill' and decision is not null")
  assert.ok((scored?.n ?? 0) >= 18, 'it is judged all the same')
  assert.equal((await site.asOwner('select 1 from alert')).length, 0, 'backfill pages nobody')
  assert.equal((await site.asOwner("select 1 from outbox where kind like 'alert%'")).length, 0)

  assert.match((await call('recalls', gateway)).out, /pump-1\/vibration pump-1\/wave_de .* done +40 /)
  assert.match((await call('gateways')).out, new RegExp(`${gateway} +(ok|degraded) +test`))
  assert.match((await call('gateways', gateway)).out, /push +http-push +ok/)
  assert.equal((await call('recall', 'gw-none', '--tag', 'pump-1/wave_de', '--from', iso(YESTERDAY), '--to', iso(YESTERDAY + MINUTE))).code, 1)
  await site.asOwner("insert into gap (site_id, gateway_id, gap_id, revision, cause, tag_key, source, from_at, first_reported_at, last_reported_at) values ($1, $2, 'g-1', 1, 'source_silent', 'pump-1/vibration', 'push', now(), now(), now())", [site.site, gateway])
  assert.match((await call('gaps', 'pump-1', '--open')).out, /goes on +pump-1\/vibration +source_silent +unknown/)
  assert.equal((await call('gaps', '--tag', 'pump-1/wave_de')).out, '(none)\n')

  // The same shaking, live, does raise: it was the lane that kept it still.
  await send({ waveforms: [waveform(50, 9)], readings: [{ name: 'level', value: 0, time: (YESTERDAY + 53 * MINUTE) / 1000 }] })
  await until('the live one', () => runner.site()?.status().buffer.rows === 0)
  await settle()
  assert.equal((await site.asOwner('select 1 from alert')).length, 1)
})
