import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { newCounters } from '../../../../edge/connectors/csv-folder/source.ts'
import { parseSiteFile } from '../../../../edge/site/site-file.ts'

function blocksOf(name: string): string[] {
  const text = readFileSync(path.join(import.meta.dirname, '../../../../docs', name), 'utf8')
  return [...text.matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)].map(([, indent = '', body = '']) => body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
}

test('the site files in the docs are ones the gateway takes', async () => {
  const files = blocksOf('gateway.md')
  const sites = await Promise.all(files.map((file) => parseSiteFile(file, 'gateway.md')))
  assert.deepEqual(sites.map(({ tags }) => tags.length), [1, 5])
  const [alarms = ''] = blocksOf('local-alarms.md')
  assert.equal((await parseSiteFile(alarms, 'local-alarms.md')).plan.alarms.rules.length, 7)
})

test('so is the folder of exports, and its keys and counters are in the docs', async () => {
  const [source = ''] = blocksOf('csv-maps.md').filter((block) => block.startsWith('sources:'))
  const { plan, tags } = await parseSiteFile(`version: 1\nsite: hamburg\ngateway: gw-1\nplatform: { mqtt: "mqtt://127.0.0.1:9" }\n${source}`, 'csv-maps.md')
  assert.deepEqual([plan.sources[0]?.kind.type, tags.length], ['csv-folder', 2])
  const text = readFileSync(path.join(import.meta.dirname, '../../../../docs/csv-maps.md'), 'utf8')
  for (const name of [...Object.keys(plan.sources[0]?.config as object), ...Object.keys(newCounters())]) assert.ok(text.includes(`\`${name}\``), name)
})
