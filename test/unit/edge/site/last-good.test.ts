import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { createLastGood, digestOf } from '../../../../edge/site/last-good.ts'
import { runSiteFile } from '../../../../edge/site/run-site-file.ts'

test('states of the site file are counted, the last five kept for their owner\'s eyes; the same again is no other', async (t) => {
  const state = mkdtempSync(path.join(os.tmpdir(), 'twinward-last-good-'))
  t.after(() => { rmSync(state, { recursive: true, force: true }) })
  const kept = createLastGood({ STATE_DIRECTORY: state }, '/etc/twinward/site.yaml')
  assert.equal(await kept.read(), undefined)
  const versions: (number | null)[] = []
  for (const text of ['a', 'a', 'b', 'a', 'c', 'd', 'e', 'f']) versions.push((await kept.keep(text)).version)
  assert.deepEqual(versions, [1, 1, 2, 3, 4, 5, 6, 7])
  const folder = path.join(state, 'site-files', 'site.yaml')
  assert.deepEqual(readdirSync(folder).map((name) => Number(name.slice(0, 6))), [3, 4, 5, 6, 7])
  const newest = path.join(folder, readdirSync(folder).at(-1) as string)
  assert.deepEqual([readFileSync(newest, 'utf8'), statSync(newest).mode & 0o777, await kept.read()], ['f', 0o600, 'f'])
  assert.deepEqual(await createLastGood({}, 'site.yaml').keep('a'), { digest: digestOf('a'), version: null })
})

test('a site file that cannot be started with gives way to the last that could, and the status says which is in force', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-gives-way-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  const file = path.join(folder, 'site.yaml')
  const text = (platform: string) => `version: 1\nsite: hamburg\ngateway: gw-1\nplatform: { mqtt: "mqtt://127.0.0.1:9"${platform} }\nhealth: off\nsources:\n  - { id: plc, type: modbus-tcp, host: 127.0.0.1, port: 9, every: 1s, tags: [{ tag: p/a, address: "1:holding:1:uint16", unit: "1" }] }\n`
  const start = () => runSiteFile({ file, env: { STATE_DIRECTORY: path.join(folder, 'state') }, version: '1', pollMs: 50, openLog: () => ({ log: pino({ level: 'silent' }), close: async () => {} }) })
  const good = text('')
  writeFileSync(file, good)
  const first = await start()
  assert.deepEqual(first.site()?.status().siteFile, { digest: digestOf(good), version: 1, former: false, from: 'file', trial: false, last: null })
  await first.stop()
  writeFileSync(file, text(', username: gw-1, password: { file: gone }'))
  const second = await start()
  assert.deepEqual(second.site()?.status().siteFile, { digest: digestOf(good), version: 1, former: true, from: 'file', trial: false, last: null })
  assert.match(second.site()?.status().problems.join('\n') ?? '', /the site file cannot be used; the former one is in force: .*gone/)
  // Nobody touches the file: the secret that was missing is put there.
  writeFileSync(path.join(folder, 'gone'), 'word\n')
  while (second.site()?.status().siteFile?.former !== false) await sleep(20)
  assert.doesNotMatch(second.site()?.status().problems.join('\n') ?? '', /site file/)
  await second.stop()
})
