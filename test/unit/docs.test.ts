import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { eventTypes } from '../../registry/domain/contract/bus-event.ts'
import { root } from '../../infra/setup/paths.mjs'

const pages = readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'))
const linksOf = (file: string) => [...readFileSync(path.join(root, file), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)]
  .flatMap(([, target = '']) => (/^[a-z]+:/.test(target) ? [] : [target]))

test('README names every page of docs/', () => {
  const named = new Set(linksOf('README.md').map((target) => target.split('#')[0]))
  assert.deepEqual(pages.filter((page) => !named.has(`docs/${page}`)), [])
})

test('every link leads to a file that is there, and to a heading that is there', () => {
  const broken = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...pages.map((page) => `docs/${page}`)].flatMap((file) => linksOf(file).flatMap((target) => {
    const [to = '', heading] = target.split('#')
    const aim = to === '' ? file : path.join(path.dirname(file), to)
    if (!existsSync(path.join(root, aim))) return [`${file} → ${target}`]
    const headings = () => [...readFileSync(path.join(root, aim), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'))
    return heading === undefined || headings().includes(heading) ? [] : [`${file} → ${target}`]
  }))
  assert.deepEqual(broken, [])
})

test('decisions are numbered without gaps, and what refers to one means one that is there', () => {
  const numbers = [...readFileSync(path.join(root, 'docs/decisions.md'), 'utf8').matchAll(/^\*\*(\d+)\. /gm)].map(([, number]) => Number(number))
  assert.deepEqual(numbers, numbers.map((_, i) => i + 1))
  const meant = pages.flatMap((page) => [...readFileSync(path.join(root, 'docs', page), 'utf8').matchAll(/\[decision (\d+)\]/g)].map(([, number]) => Number(number)))
  assert.deepEqual(meant.filter((number) => number > numbers.length), [])
})

test('docs/events.md names every event that leaves the platform, and no other', () => {
  const page = readFileSync(path.join(root, 'docs/events.md'), 'utf8')
  // The second cell of a row says when; the first lists types, those after the first of a group by their last part.
  const named = [...page.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = '']) => {
    let group = ''
    return [...cell.matchAll(/`([a-z.-]+)`/g)].flatMap(([, name = '']) => {
      if (!name.startsWith('.')) group = name.split('.')[0] as string
      return name.includes('.') ? [name.startsWith('.') ? group + name : name] : []
    })
  })
  assert.deepEqual([...named].sort(), [...eventTypes].sort())
})

test('every event in that list is told of somewhere', () => {
  const list = path.join('registry', 'domain', 'contract', 'bus-event.ts')
  const sources = ['registry', 'activities'].flatMap((room) => readdirSync(path.join(root, room), { recursive: true, encoding: 'utf8' }).map((name) => path.join(room, name)))
    .filter((name) => name.endsWith('.ts') && name !== list).map((name) => readFileSync(path.join(root, name), 'utf8')).join('\n')
  // Of an alert's and a closed gate's events the code names the last part alone.
  const spoken = (type: string) => sources.includes(`'${type}'`) || (/^(alert|gate)\./.test(type) && sources.includes(`'${type.split('.')[1] ?? ''}'`))
  assert.deepEqual(eventTypes.filter((type) => !spoken(type)), [])
})
