import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { createBundleStore } from '../../../edge/judge/bundle-store.ts'
import { judgeFolder, placeOf } from '../../../edge/site/judging.ts'
import { readSiteFile } from '../../../edge/site/site-file.ts'
import { runCli } from '../../../infra/cli/run.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import { judgedWindowSchema } from '../../../registry/domain/contract/judged-window.ts'
import { bundleFeatureSet, makeBundle, newSigner } from '../../helpers/bundles.ts'
import { startEdge, type EdgeProcess } from '../../helpers/edge-process.ts'
import { machine } from '../../helpers/http-push.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { until } from '../../helpers/pushed-pumps.ts'

const TOKEN = 'a-token-of-enough-characters'
const START_MS = Math.floor(Date.now() / 60_000 - 30) * 60_000

test('a gateway without a platform is well, keeps what it reads for its time, judges by a release from a file, and gives all of it to files', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-without-platform-'))
  const started: EdgeProcess[] = []
  t.after(() => {
    for (const { child } of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  const port = await freePort()
  const file = path.join(directory, 'site.yaml')
  writeFileSync(file, `version: 1
site: hamburg
gateway: gw-1
platform: none
buffer: { cap: 64 MiB, keepRaw: { for: 30 d, cap: 64 MiB } }
health: { listen: "127.0.0.1:0" }
alarms: { rules: [ { name: hot, when: { tag: pump-1/temp, above: 400 }, severity: high } ] }
sources:
  - id: push
    type: http-push
    listen: "127.0.0.1:${port}"
    tokens: [{ name: all, secret: { env: TOKEN } }]
    tags:
      - { tag: pump-1/temp, address: temp, unit: Cel, canonicalUnit: Cel }
      - { tag: pump-1/flow, address: flow, unit: "m3/h", canonicalUnit: "m3/h" }
`)
  const env = { TOKEN, TWINWARD_DATA_DIR: directory }
  const cliOf = async (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
    let [stdout, stderr] = ['', '']
    const code = await runCli(args, { env, live: false, out: (text) => { stdout += text }, err: (text) => { stderr += text } })
    return { code, stdout, stderr }
  }
  assert.match((await cliOf('edge', 'check', file)).stdout, /on its own, without a platform/)
  const signer = newSigner()
  const bundles = createBundleStore(judgeFolder(path.join(directory, 'buffer')))
  bundles.keys.trust(signer.publicKey)
  bundles.install(makeBundle(signer, { featureSet: { ...bundleFeatureSet, windowUs: 60_000_000, hopUs: 30_000_000 } }), placeOf((await readSiteFile(file, { env })).plan))

  const edge = await startEdge([...await programArgs('infra/bin/cli.ts'), 'edge', 'run', file], env)
  started.push(edge)
  await edge.until(({ connectors }) => connectors[0]?.state === 'ok')
  const push = machine(`http://127.0.0.1:${port}`, TOKEN)
  const steps = Array.from({ length: 600 }, (_, i) => i)
  const answer = await push(steps.map((s) => JSON.stringify({ time: START_MS + s * 1000, values: { temp: (s >= 300 ? 500 : 20) + Math.sin(s), flow: 20 + Math.sin(s) } })).join('\n'), { 'content-type': 'application/x-ndjson' })
  assert.deepEqual([answer.status, answer.body.readings], [200, 1200])
  await edge.until(({ buffer }) => buffer.rows === 0)
  const { body } = await edge.health()
  assert.deepEqual([body.problems, body.buffer.lostRows], [[], 0], 'nothing is wrong with it')
  const { url } = edge
  await until('all windows', async () => ((await (await fetch(`${url}/judged`)).json() as { items: { last: { endUs: number } | null }[] }).items[0]?.last?.endUs ?? 0) >= START_MS * 1000 + 570_000_000)

  const out = (name: string) => path.join(directory, name)
  const from = new Date(START_MS + 290_000).toISOString()
  const to = new Date(START_MS + 309_000).toISOString()
  assert.equal((await cliOf('--url', url, 'edge', 'export', 'readings', '--out', out('readings.csv'), '--from', from, '--to', to, '--tag', 'pump-1/temp')).code, 0)
  const [head, ...lines] = readFileSync(out('readings.csv'), 'utf8').trimEnd().split('\n')
  assert.equal(head, 'time,tag,value,unit,quality')
  assert.deepEqual(lines.map((line) => line.split(',')), steps.slice(290, 310).map((s) => [new Date(START_MS + s * 1000).toISOString(), 'pump-1/temp', String((s >= 300 ? 500 : 20) + Math.sin(s)), 'Cel', 'good']))
  assert.equal((await cliOf('--url', url, 'edge', 'export', 'windows', '--out', out('windows'))).code, 0)
  const windows = readFileSync(out('windows'), 'utf8').trimEnd().split('\n').map((line) => judgedWindowSchema.parse(JSON.parse(line)))
  assert.deepEqual(windows.map(({ endUs }) => (endUs / 1000 - START_MS) / 1000), Array.from({ length: windows.length }, (_, i) => 60 + 30 * i))
  assert.ok(windows.some(({ fired }) => fired === 'anomaly'))
  const alarms = await cliOf('--url', url, '--json', 'edge', 'export', 'alarms', '--out', out('alarms'))
  assert.deepEqual(JSON.parse(alarms.stdout), { what: 'alarms', out: out('alarms'), count: 2 })
  assert.deepEqual(readFileSync(out('alarms'), 'utf8').trimEnd().split('\n').map((line) => (JSON.parse(line) as { rule: string }).rule).sort(), ['anomaly', 'hot'])

  const again = await cliOf('--url', url, 'edge', 'export', 'alarms', '--out', out('alarms'))
  assert.match(again.stderr, /is there already; name another file/)
  assert.notEqual((await cliOf('--url', url, 'edge', 'export', 'readings', '--out', out('x'), '--from', 'yesterday')).code, 0)
  assert.notEqual((await cliOf('--url', url, 'edge', 'export', 'everything', '--out', out('x'))).code, 0)
  await edge.stop()
})
