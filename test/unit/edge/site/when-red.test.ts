import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { root } from '../../../../infra/setup/paths.mjs'

/** What a status works out for itself each time it is asked (edge/site/status.ts), in the order of its list. */
const WORKED_OUT = ['connection', 'buffer', 'disk-room', 'clock', 'connector']

const sources = readdirSync(path.join(root, 'edge/site'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(path.join(root, 'edge/site', name), 'utf8'))
const page = readFileSync(path.join(root, 'docs/when-a-gateway-is-red.md'), 'utf8')
const rows = [...page.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = '']) => [...cell.matchAll(/`([a-z -]+)`/g)].map(([, kind = '']) => kind))

test('the page says for every kind of problem where to look, and for none that cannot be', () => {
  const named = new Set(sources.flatMap((source) => [...source.matchAll(/(?:troubles\.set|trouble|note)\((?:'([a-z-]+)'|`([a-z ]+) \$)/g)].map(([, name, begin]) => name ?? begin ?? '')))
  assert.ok(named.size > 8, [...named].join(' '))
  assert.deepEqual([...rows].sort(), [...named, ...WORKED_OUT].sort())
})

test('a status works out as many kinds as the page names', () => {
  const list = /const problems = \[\n([^]*?)\n {4}\]/.exec(readFileSync(path.join(root, 'edge/site/status.ts'), 'utf8'))?.[1] ?? ''
  assert.equal(list.split('\n').length - 1, WORKED_OUT.length)
})
