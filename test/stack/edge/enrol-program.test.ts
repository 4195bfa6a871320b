import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { readToken } from '../../../registry/domain/identity/enrolment-token.ts'
import { revokeGateway } from '../../../registry/services/gateways/revoke-gateway.ts'
import { actor } from '../../helpers/door.ts'
import { startDoorStage } from '../../helpers/door-stage.ts'
import { startEdge } from '../../helpers/edge-process.ts'
import { startDevice } from '../../helpers/modbus.ts'
import { programArgs } from '../../helpers/own-program.ts'


test('the gateway\'s own program: enrolled from a file and from standard input, run, revoked, enrolled again; no secret in anything it says', async (t) => {
  const stage = await startDoorStage(t)
  const device = await startDevice()
  t.after(() => device.stop())
  const { dataDir: directory, gateway, plant: { site } } = stage
  const file = path.join(directory, 'site.yaml')
  const siteFile = (platform: string) => `version: 1
site: ${site}
gateway: ${gateway}
platform: ${platform}
health: { listen: "127.0.0.1:0" }
sources: [{ id: plc, type: modbus-tcp, host: 127.0.0.1, port: ${device.port}, every: 20ms, tags: [{ tag: p/a, address: "1:holding:7:uint16", unit: /min }] }]
`
  const env = { TWINWARD_PASS: 'correct horse battery', LOG_LEVEL: 'debug' }
  let said = ''
  /** One command of the program; what it said, and how it ended. */
  async function run(args: readonly string[], input = ''): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, [...await programArgs('infra/bin/edge-gateway.ts'), ...args], { env: { PATH: process.env['PATH'], ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin.end(input)
    const ended = new Promise<number | null>((resolve) => { child.once('close', resolve) })
    const [out, error] = await Promise.all([text(child.stdout), text(child.stderr)])
    said += out + error
    return { code: await ended, output: out + error }
  }

  writeFileSync(file, siteFile('{ mqtt: "mqtt://127.0.0.1:1" }'))
  const token = await stage.token(gateway)
  writeFileSync(path.join(directory, 'token'), token, { mode: 0o600 })
  const early = await run(['enrol', file, '--token-file', path.join(directory, 'token')])
  assert.equal(early.code, 1)
  assert.match(early.output, /write platform: \{ identity: enrolled \}/)
  writeFileSync(file, siteFile('{ identity: enrolled, username: x }'))
  assert.match((await run(['check', file])).output, /site\.yaml:4.*identity stands alone/)

  writeFileSync(file, siteFile('{ identity: { passphrase: { env: TWINWARD_PASS } } }'))
  const done = await run(['enrol', file, '--token-file', path.join(directory, 'token')])
  assert.equal(done.code, 0, done.output)
  assert.match(done.output, /its certificate is good until/)
  const again = await run(['enrol', file], await stage.token('another'))
  assert.equal(again.code, 1)
  assert.match(again.output, /The token is for gateway another/)

  const edge = await startEdge([...await programArgs('infra/bin/edge-gateway.ts'), 'run', file], env)
  stage.beforeEnd(() => edge.stop('SIGKILL'))
  const well = await edge.until(({ connected, counters }) => connected && (counters['acknowledged'] ?? 0) > 0)
  const told = [JSON.stringify(well), await edge.metrics(), await (await fetch(edge.url)).text()]
  await revokeGateway(stage.ctx, actor, { site, gateway, reason: 'a test' })
  const ill = await edge.until(({ problems }) => problems.some((problem) => problem.includes('was revoked')))
  const third = await stage.token(gateway)
  assert.equal((await run(['enrol', file], third)).code, 0)
  const back = await edge.until(({ connected, problems }) => connected && problems.length === 0)
  await edge.stop()

  const folder = path.join(directory, 'buffer', 'identity')
  for (const name of readdirSync(folder)) {
    assert.equal(statSync(path.join(folder, name)).mode & 0o777, 0o600)
    assert.ok(!readFileSync(path.join(folder, name), 'utf8').includes('PRIVATE'))
  }
  const all = [said, edge.output(), stage.log(), ...told, JSON.stringify(ill), JSON.stringify(back)].join('\n')
  for (const secret of ['PRIVATE KEY', 'correct horse', readToken(token).secret, readToken(third).secret]) assert.ok(!all.includes(secret), secret.slice(0, 12))
})
