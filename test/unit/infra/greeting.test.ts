import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { it } from 'node:test'
import { greeting } from '../../../infra/greeting.ts'
import { root } from '../../../infra/setup/paths.mjs'

it('a start that is up says where it is, and what comes next by commands and pages that exist', () => {
  const text = greeting({ url: 'http://127.0.0.1:8080', adminKeyFile: '/data/admin-key', dataDir: '/data', workflowsUrl: undefined }).join('\n')
  for (const told of ['http://127.0.0.1:8080', '/data/admin-key', '/data/logs', 'Ctrl-C']) assert.ok(text.includes(told), told)
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const named = [...text.matchAll(/npm run (\w+)/g)].map(([, name]) => name ?? '')
  assert.deepEqual(named.filter((name) => !(name in scripts)), [])
  assert.ok(named.includes('demo'))
  const pages = text.match(/docs\/[\w-]+\.md/g) ?? []
  assert.deepEqual(pages.filter((page) => !existsSync(path.join(root, page))), [])
  assert.ok(pages.length > 0)
})
