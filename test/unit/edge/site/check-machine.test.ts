import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { checkMachine } from '../../../../edge/site/check-machine.ts'
import { createSecrets } from '../../../../edge/site/secrets.ts'
import { parseSiteFile } from '../../../../edge/site/site-file.ts'

const text = (folder: string, health: string) => `version: 1
site: works
gateway: gw-1
platform: { mqtt: "mqtt://h", username: gw-1, password: { env: PLATFORM } }
health: { listen: "${health}" }
sources:
  - id: push
    type: http-push
    tls: { certificate: { file: gw.crt }, key: { file: gw.key } }
    tokens:
      - { name: line-1, secret: { env: LINE_1 } }
      - { name: line-2, secret: { file: line-2-token } }
    tags: [{ tag: pump-1/speed, address: s, unit: "1" }]
  - id: exports
    type: csv-folder
    folder: ${folder}
    mode: live
    time: { column: t, zone: UTC }
    tags: [{ tag: pump-1/flow, address: f, unit: "1" }]
  - id: hall
    type: mqtt-json
    url: mqtts://broker:8883
    tls: { ca: plant-ca.pem }
    tags: [{ tag: pump-1/temp, address: "t", unit: Cel }]
`

test('what this machine lacks is told with line and cure: secrets of platform and sources, a folder; and who could read health', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-check-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  const look = async (place: string, health: string, env: Record<string, string>) => {
    const site = await parseSiteFile(text(place, health), 'site.yaml')
    return site.describe(await checkMachine(site, createSecrets(env, folder)))
  }
  const told = await look('/no/such/folder', '0.0.0.0:9464', {})
  assert.deepEqual(told.map((line) => line.split(': ').slice(0, 2).join(' ')), [
    'site.yaml:4 platform.password', 'site.yaml:5 health.listen', 'site.yaml:9 sources[push].tls.certificate', 'site.yaml:9 sources[push].tls.key', 'site.yaml:11 sources[push].tokens[1].secret',
    'site.yaml:12 sources[push].tokens[2].secret', 'site.yaml:16 sources[exports].folder', 'site.yaml:23 sources[hall].tls.ca',
  ])
  for (const cure of [/PLATFORM is not set; set it/, /listen on 127\.0\.0\.1, or let a firewall/, /line-2-token cannot be read or is empty .*; put it there/, /no folder on this machine; make it/]) assert.match(told.join('\n'), cure)
  for (const file of ['gw.crt', 'gw.key', 'line-2-token', 'plant-ca.pem']) writeFileSync(path.join(folder, file), 'something')
  assert.deepEqual(await look(folder, '[::1]:9464', { PLATFORM: 'x', LINE_1: 'y' }), [])
})
