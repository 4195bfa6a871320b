import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { httpPushConfigSchema } from '../../../edge/connectors/http/config.ts'
import { newCounters } from '../../../edge/connectors/http/counters.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import { startBroker } from '../../helpers/broker.ts'
import { startEdge } from '../../helpers/edge-process.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { readingsOf, startReceiver } from '../../helpers/receiver.ts'

const text = readFileSync(path.join(import.meta.dirname, '../../../docs/connect-http.md'), 'utf8')
const block = (language: string) => {
  const [, indent = '', body = ''] = new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, 'm').exec(text) ?? assert.fail(`no ${language} in the docs`)
  return body.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
}
const has = (program: string) => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('the ten lines of the docs, run as written', { skip: !has('curl') && 'there is no curl' }, async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-push-docs-'))
  const broker = await startBroker()
  const receiver = await startReceiver(broker.connection, 'hamburg', 'gw-1')
  t.after(async () => {
    await receiver.close()
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const port = await freePort()
  const onPort = (written: string) => written.replaceAll('127.0.0.1:9480', `127.0.0.1:${port}`)
  const shell = (script: string) => execFileSync('sh', ['-c', script], { cwd: directory, encoding: 'utf8' })
  shell(/`(openssl rand [^`]*)`/.exec(text)?.[1] ?? assert.fail('no token is made'))
  writeFileSync(path.join(directory, 'site.yaml'), `version: 1\nsite: hamburg\ngateway: gw-1\nhealth: { listen: "127.0.0.1:0" }\nbuffer: { cap: 64 MiB }\n${onPort(block('yaml'))}`)
  const { url, username = '', password = '' } = broker.connection
  const edge = await startEdge([...await programArgs('infra/bin/cli.ts'), 'edge', 'run', path.join(directory, 'site.yaml')], { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, TWINWARD_DATA_DIR: directory })
  t.after(() => { if (edge.child.exitCode === null) edge.child.kill('SIGKILL') })
  await edge.until(({ connectors }) => connectors[0]?.state === 'ok')
  const answer = shell(onPort(block('sh')))
  assert.equal(answer.trim(), /It answers `([^`]*)`/.exec(text)?.[1])
  while (readingsOf(receiver).length < 2) await new Promise((resolve) => { setTimeout(resolve, 25) })
  assert.match(readingsOf(receiver).join('\n'), /^press-4\/oil-temp 1740830400000000 140\.2 60\.1\d* 0\npress-4\/strokes 1740830400000000 81230 81230 0$/)
  await edge.stop()
})

test('every key and counter is in the docs', () => {
  const { limits, ...keys } = httpPushConfigSchema.parse({ tokens: [{ name: 'a', secret: { env: 'A' } }], tls: { certificate: { file: 'a' }, key: { file: 'b' } } })
  for (const name of [...Object.keys(keys), ...Object.keys(limits).map((limit) => `limits.${limit}`), ...Object.keys(newCounters())]) assert.ok(text.includes(`\`${name}\``), name)
})
