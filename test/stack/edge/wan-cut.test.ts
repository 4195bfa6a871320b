import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { assetImportFromSite } from '../../../edge/site/assets.ts'
import type { MachineJudgement } from '../../../edge/site/judging.ts'
import { readSiteFile } from '../../../edge/site/site-file.ts'
import { runCli } from '../../../infra/cli/run.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import type { LocalAlarm } from '../../../registry/domain/contract/local-alarm.ts'
import { createWebhook, createWebhookInput } from '../../../registry/services/create-webhook.ts'
import { deliverBundles } from '../../../registry/services/deliver-bundles.ts'
import { importAssets } from '../../../registry/services/import-assets.ts'
import { registerFeatureSet } from '../../../registry/services/register-feature-set.ts'
import { newSigner } from '../../helpers/bundles.ts'
import { startEdge, type EdgeProcess } from '../../helpers/edge-process.ts'
import { edgeProgram } from '../../helpers/edge-program.ts'
import { machine } from '../../helpers/http-push.ts'
import { ACTOR, FAMILY, featureSet, platform, putInForce, S, siteFile, temperature, TOKEN, trainOnAll, until, vibration, type Site } from '../../helpers/pushed-pumps.ts'
import { freshPrefix } from '../../helpers/stack.ts'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'

const HOUR_S = 3600
const HEALTHY_S = 3900
const CUT_S = 4500
/** From the cut on for a day; the bearing begins to wear after twelve hours of it. */
const END_S = CUT_S + 24 * HOUR_S
const FAULT_FROM_S = CUT_S + 12 * HOUR_S
/** Ends somewhat before now. */
const T0 = Math.floor(Date.now() / 60_000 - 60 * 26) * 60 * S
const wear = (s: number) => Math.max(0, s - FAULT_FROM_S) / HOUR_S

const site: Site = { id: 'hamburg', gateway: freshPrefix(), pumps: [{ asset: 'pump-1', names: { vibration: 'vib-de', temperature: 'bearing-temp' }, units: { vibration: 'mm/s', temperature: 'Cel' }, stepS: 2 }] }

test('cut off for a day with a growing fault, a gateway raises the alarm in time; afterwards there is one episode, with the same release', async (t) => {
  const on = await platform(t, [site])
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-wan-cut-'))
  const broker = new URL(on.mqtt.url)
  const wan = await startTcpProxy(Number(broker.port))
  let edge: EdgeProcess | undefined
  t.after(async () => {
    if (edge?.child.exitCode === null && edge.child.signalCode === null) edge.child.kill('SIGKILL')
    await wan.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const { username = '', password = '' } = on.mqtt
  const env = { MQTT_URL: `mqtt://127.0.0.1:${wan.port}`, MQTT_USERNAME: username, MQTT_PASSWORD: password, TOKEN, TWINWARD_DATA_DIR: directory, FAULT_OPTIONS: JSON.stringify({ reportEveryMs: 500 }) }
  const port = await freePort()
  const file = path.join(directory, 'site.yaml')
  writeFileSync(file, siteFile(site, port, 'health: { listen: "127.0.0.1:0" }'))
  await importAssets(on.ctx, ACTOR, assetImportFromSite(await readSiteFile(file, { env })))
  await createWebhook(on.ctx, ACTOR, createWebhookInput.parse({ site: site.id, name: 'on-call', url: 'https://on-call.invalid/hook', events: ['alert.*', 'local-alarm.raised'] }))
  await registerFeatureSet(on.ctx, ACTOR, { site: site.id, family: FAMILY, definition: featureSet })
  const program = await edgeProgram('faults')
  const push = machine(`http://127.0.0.1:${port}`, TOKEN)
  const start = async () => {
    edge = await startEdge([path.join(program, 'twinward-edge.mjs'), file], env)
    await edge.until(({ connectors }) => connectors[0]?.state === 'ok')
    return edge
  }
  const send = async (fromS: number, toS: number) => {
    for (let at = fromS; at < toS; at += 4_000) {
      const steps = Array.from({ length: Math.ceil((Math.min(at + 4_000, toS) - at) / 2) }, (_, i) => at + 2 * i)
      const lines = steps.map((s) => JSON.stringify({ values: { 'pump-1 vibration': vibration(s, wear(s)), 'pump-1 temperature': temperature(s, wear(s)) }, time: T0 / 1000 + s * 1000 }))
      const answer = await push(lines.join('\n'), { 'content-type': 'application/x-ndjson' })
      assert.deepEqual([answer.status, answer.body.refused], [200, 0])
    }
  }
  const shipped = async () => {
    await edge?.until(({ buffer }) => buffer.rows === 0)
    await on.settle(site.id)
  }
  const onBox = async <T>(what: string): Promise<T[]> => (await (await fetch(`${edge?.url}${what}`)).json() as { items: T[] }).items
  /** All that was sent, up to the last whole window. */
  const judgedThrough = (s: number) => until('the box to have judged all', async () => ((await onBox<MachineJudgement>('/judged'))[0]?.last?.endUs ?? 0) >= T0 + (s - 30) * S)
  const alarms = async () => (await onBox<LocalAlarm>('/alarms')).sort((a, b) => (a.rule < b.rule ? -1 : 1))
  const tallies = () => on.rows<{ agreeing: number; differing: number; other_release: number; absent: number; first_difference: unknown }>(
    'select agreeing::int, differing::int, other_release::int, absent::int, first_difference from local_judgement')

  await start()
  await send(0, HEALTHY_S)
  await shipped()
  await putInForce(on, site.id, await trainOnAll(on, [site]))

  // The box is told once whom it may believe; the release comes by itself.
  const signer = newSigner()
  const deps = { ...on.ctx, signer, node: process.version, onTrouble: (where: unknown, error: unknown) => { throw new Error(`no bundle: ${JSON.stringify(where)}`, { cause: error }) } }
  assert.deepEqual(await deliverBundles(deps), [], 'a gateway that trusts nobody gets nothing')
  const key = path.join(directory, 'platform.pem')
  writeFileSync(key, signer.publicKey)
  assert.equal(await runCli(['edge', 'trust', key, '--for', file], { env, live: false, out: () => undefined, err: (text) => { assert.fail(text) } }), 0)
  let delivered: Awaited<ReturnType<typeof deliverBundles>> = []
  await until('the platform to issue a bundle', async () => (delivered = await deliverBundles(deps)).length > 0)
  assert.deepEqual(delivered.map(({ gateway, assets }) => [gateway, assets]), [[site.gateway, ['pump-1']]])
  assert.deepEqual(await deliverBundles(deps), [], 'once')
  await until('the gateway to judge by it', async () => (await onBox<MachineJudgement>('/judged')).length === 1)
  await until('the platform to hear of it', async () => (await on.rows("select 1 from gateway_command where kind = 'install-bundle' and state = 'done'")).length === 1)
  assert.deepEqual(await deliverBundles(deps), [], 'nor again when it is in force')

  // Both judge, and come to the same.
  await send(HEALTHY_S, CUT_S)
  await shipped()
  await until('both judgements to be held against each other', async () => (await tallies())[0]?.agreeing === (CUT_S - HEALTHY_S) / 30 - 2)
  const [before] = await tallies()
  assert.deepEqual([before?.differing, before?.other_release, before?.absent], [0, 0, 0], JSON.stringify(before))

  wan.freeze()
  wan.breakOff()
  await edge?.until(({ connected }) => !connected)
  await send(CUT_S, FAULT_FROM_S)
  await judgedThrough(FAULT_FROM_S)
  await edge?.stop('SIGKILL')
  await start()
  await send(FAULT_FROM_S, FAULT_FROM_S + 8 * HOUR_S)
  await until('both rules to have raised', async () => (await alarms()).length === 2)
  const raised = await alarms()
  assert.deepEqual(raised.map(({ asset, rule, state, judgement }) => [asset, rule, state, judgement?.release.id]), [['pump-1', 'odd', 'active', 'cooling-pumps-r1'], ['pump-1', 'shaking', 'active', 'cooling-pumps-r1']])
  const [odd] = raised
  await judgedThrough(FAULT_FROM_S + 8 * HOUR_S)
  assert.equal(await runCli(['--url', edge?.url ?? '', 'edge', 'acknowledge', odd?.id ?? '', '--by', 'otto', '--comment', 'on my way'], { env: {}, live: false, out: () => undefined, err: (text) => { assert.fail(text) } }), 0)
  // The power goes while they stand.
  await edge?.stop('SIGKILL')
  await start()
  await send(FAULT_FROM_S + 8 * HOUR_S, END_S)
  assert.deepEqual((await alarms()).map(({ id, state }) => [id, state]), raised.map(({ id, state }) => [id, state]), 'they stand over a power cut, and nothing is raised again')
  assert.equal((await on.rows('select 1 from alert')).length, 0, 'the platform knows nothing of it')

  wan.thaw()
  await edge?.until(({ connected }) => connected)
  await until('the platform to hear of the alarms', async () => (await on.rows('select 1 from local_alarm')).length === 2)
  assert.deepEqual(await on.rows("select payload from outbox where payload::text like '%local-alarm.raised%'"), [], 'nobody is told while the platform may come to it itself')
  await shipped()

  const episodes = await on.rows<{ rule_id: string; state: string; acknowledged_by: string | null; since: string; release_id: string; gateway_id: string; judgement: { release: { id: string } }; local_since: string }>(
    `select e.rule_id, e.state, e.acknowledged_by, e.raised_at as since, r.release_id, l.gateway_id, l.judgement, l.since_at as local_since
       from alert e join release r using (release_ref) left join local_alarm l using (alert_id) order by e.rule_id`)
  assert.deepEqual(episodes.map(({ rule_id, state, acknowledged_by }) => [rule_id, state, acknowledged_by]), [['odd', 'acknowledged', `gateway/${site.gateway}: otto`], ['shaking', 'unacknowledged', null]])
  for (const { since, local_since, release_id, gateway_id, judgement } of episodes) {
    assert.deepEqual([new Date(since).toISOString(), release_id, site.gateway], [new Date(local_since).toISOString(), judgement.release.id, gateway_id], 'the same episode by the same release')
  }
  const called = await on.rows<{ type: string; rule: string; webhook: boolean }>(
    "select payload->>'type' as type, payload->'data'->>'rule' as rule, bool_or(channel = 'webhook') as webhook from outbox where payload->>'type' in ('alert.raised', 'alert.acknowledged', 'local-alarm.raised') group by 1, 2 order by 2, 1")
  assert.deepEqual(called.map(({ rule, type, webhook }) => [rule, type, webhook]), [
    ['odd', 'alert.acknowledged', false], ['odd', 'alert.raised', false], ['shaking', 'alert.raised', true],
  ], 'who acknowledged at the box is not called again; the other calls once')
  // What a power cut takes are windows that reach over it: the first whole one after it is judged again.
  const windows = (END_S - HEALTHY_S) / 30
  await until('all windows to be held against each other', async () => {
    const [{ agreeing: n } = { agreeing: 0 }] = await tallies()
    return n >= windows - 10
  })
  const [after] = await tallies()
  assert.deepEqual([after?.differing, after?.other_release, after?.absent, after?.first_difference], [0, 0, 0, null], JSON.stringify(after))
  await edge?.stop()
})
