import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { qualityReasonsOf } from '../../../../../registry/domain/contract/quality.ts'
import { createOpcUaHealth } from '../../../../../edge/connectors/opcua/health.ts'
import { opcUa } from '../../../../../edge/connectors/opcua/index.ts'
import { qualityOfStatus, statusReasons } from '../../../../../edge/connectors/opcua/status-quality.ts'

const text = readFileSync(path.join(import.meta.dirname, '../../../../../docs/connect-opcua.md'), 'utf8')
interface Documented { id: string; type: string; tags: { address: string; kind?: 'waveform' }[] }

test('the sources in the docs are ones the gateway takes', () => {
  const sources = [...text.matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)]
    .flatMap(([, indent = '', body = '']) => (parse(body.replaceAll(new RegExp(`^${indent}`, 'gm'), '')) as { sources: Documented[] }).sources)
  assert.equal(sources.length, 2)
  for (const { id, type, tags, ...rest } of sources) {
    assert.equal(type, opcUa.type, id)
    const config = opcUa.config.parse(rest)
    for (const { address, kind = 'scalar' } of tags) opcUa.checkAddress(address, kind, config)
  }
})

test('every key and counter is in the docs', () => {
  const { security, history, ...keys } = opcUa.config.parse({ endpoint: 'opc.tcp://h:1' })
  const nested = [...Object.keys(security).map((key) => `security.${key}`), ...Object.keys(history).map((key) => `history.${key}`)]
  const node = ['sampling', 'queueSize', 'deadbandPercent', 'sampleRateHz', 'timestampOf'].map((key) => `nodes.ADDRESS.${key}`)
  const plain = [...Object.keys(keys).filter((key) => key !== 'nodes'), 'user']
  for (const name of [...plain, ...nested, ...node, ...Object.keys(createOpcUaHealth().counters)]) assert.ok(text.includes(`\`${name}\``), name)
})

test('what the docs say of a status code is what becomes of it', () => {
  const rows = [...text.matchAll(/^\| (.*) \| ((?:`\w+`(?:, )?)+) \|$/gm)]
  for (const [name, { code }] of Object.entries(statusReasons)) {
    const reasons = qualityReasonsOf(qualityOfStatus(code))
    const row = rows.find(([, names = '']) => new RegExp(`\\b(${name}|${name.replace(/^(Bad|Uncertain)/, '')})\\b`).test(names) && (names.startsWith('`Bad') ? name.startsWith('Bad') : true))
    if (reasons.length === 1 && reasons[0] === 'device' && !row) continue
    assert.deepEqual(row?.[2]?.replaceAll('`', '').split(', '), reasons, name)
  }
})
