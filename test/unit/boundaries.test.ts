import assert from 'node:assert/strict'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { builtinModules } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { importsIn } from '../helpers/imports.ts'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

interface Import { from: string; to: string; typeOnly: boolean }

function sources(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mjs)$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
}

/** Every import of a file; relative ones as paths from the root, others as their specifier. */
function importsOf(file: string): Import[] {
  return importsIn(file, readFileSync(path.join(root, file), 'utf8')).map(({ specifier, typeOnly }) =>
    ({ from: file, typeOnly, to: specifier.startsWith('.') ? path.normalize(path.join(path.dirname(file), specifier)) : specifier }))
}

type Rule = { may: string[]; mayType?: string[]; packages?: RegExp; builtins?: boolean }

/** DESIGN.md's table. A room may always import itself; a longer prefix wins. */
const rules: Record<string, Rule> = {
  'registry/domain/': { may: [], builtins: false, packages: /^(zod|@noble\/hashes(\/.*)?|fft\.js|ml-matrix|apache-arrow|@lhncbc\/ucum-lhc)$/ },
  'registry/store/': { may: ['registry/domain/'] },
  'registry/artifacts/': { may: ['registry/domain/'] },
  'registry/services/': { may: ['registry/domain/', 'registry/store/', 'registry/artifacts/'] },
  'activities/': { may: ['registry/'] },
  'workflows/': { may: ['registry/domain/gates/', 'registry/domain/policy/'], mayType: ['activities/', 'registry/domain/'], builtins: false, packages: /^@temporalio\/(workflow|common)$/ },
  'edge/': { may: ['registry/domain/'] },
  'api/': { may: ['registry/', 'workflows/ids.ts', 'workflows/messages.ts'] },
  'infra/': { may: ['registry/', 'activities/', 'workflows/', 'edge/', 'api/'] },
}
const rooms = Object.keys(rules).sort((a, b) => b.length - a.length)
const roomOf = (file: string) => rooms.find((room) => file.startsWith(room))
const files = ['registry', 'activities', 'workflows', 'edge', 'api', 'infra'].flatMap(sources)
const imports = files.flatMap(importsOf)
const isPath = (to: string) => statSync(path.join(root, to), { throwIfNoEntry: false })?.isFile() === true

test('every room imports only what the table allows', () => {
  const broken = imports.filter(({ from, to, typeOnly }) => {
    const room = roomOf(from)
    const rule = room === undefined ? undefined : rules[room]
    if (!room || !rule) return true
    if (!isPath(to)) {
      const builtin = to.startsWith('node:') || builtinModules.includes(to)
      if (builtin) return rule.builtins === false
      return rule.packages !== undefined && !rule.packages.test(to)
    }
    if (to === 'package.json') return false
    return !to.startsWith(room) && !rule.may.some((p) => to.startsWith(p)) && !(typeOnly && rule.mayType?.some((p) => to.startsWith(p)))
  })
  assert.deepEqual(broken.map(({ from, to }) => `${from} → ${to}`), [])
})

test('gates know nothing of back-tests: what is suggested is asked for at a gate, not the other way round', () => {
  const broken = imports.filter(({ from, to }) => from.startsWith('registry/services/gates/') && to.startsWith('registry/services/back-test/'))
  assert.deepEqual(broken.map(({ from, to }) => `${from} → ${to}`), [])
})

test('workflows import activities as types only', () => {
  const broken = imports.filter(({ from, to, typeOnly }) => from.startsWith('workflows/') && to.startsWith('activities/') && !typeOnly)
  assert.deepEqual(broken, [])
})

/** A cycle among imports, as its files; undefined when there is none. */
function cycleIn(edges: readonly Import[]): string | undefined {
  const graph = new Map<string, string[]>()
  for (const { from, to } of edges) if (isPath(to)) graph.set(from, [...(graph.get(from) ?? []), to])
  const done = new Set<string>()
  const walk = (file: string, trail: string[]): string[] | undefined => {
    const at = trail.indexOf(file)
    if (at >= 0) return [...trail.slice(at), file]
    if (done.has(file)) return undefined
    for (const next of graph.get(file) ?? []) {
      const cycle = walk(next, [...trail, file])
      if (cycle) return cycle
    }
    done.add(file)
    return undefined
  }
  for (const file of graph.keys()) {
    const cycle = walk(file, [])
    if (cycle) return cycle.join(' → ')
  }
  return undefined
}

test('imports form no cycle', () => {
  assert.equal(cycleIn(imports.filter(({ typeOnly }) => !typeOnly)), undefined)
})

test('imports of types form none either: who needs whom is told in one direction', () => {
  assert.equal(cycleIn(imports), undefined)
})

test('the edge needs no server-side package', () => {
  const heavy = imports.filter(({ from, to }) => from.startsWith('edge/') && /^(pg|pg-copy-streams|minio|@temporalio\/.*|@tensorflow\/.*)$/.test(to))
  assert.deepEqual(heavy, [])
})
