import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parseSiteFile } from '../../../../edge/site/site-file.ts'

test('the site files in the docs are ones the gateway takes', async () => {
  const text = readFileSync(path.join(import.meta.dirname, '../../../../docs/gateway.md'), 'utf8')
  const files = [...text.matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)].map(([, indent = '', body = '']) => body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
  const sites = await Promise.all(files.map((file) => parseSiteFile(file, 'gateway.md')))
  assert.deepEqual(sites.map(({ tags }) => tags.length), [1, 5])
})
