import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { root } from '../../../infra/setup/paths.mjs'
import { lint } from '../../runner/lint.ts'

/** A mistake for each rule of .oxlintrc.json, and for the compiler: a file each. */
const mistakes: Record<string, string> = {
  'eqeqeq': 'export const same = (a: number, b: number) => a == b',
  'no-array-constructor': 'export const list: unknown[] = new Array(1, 2)',
  'no-console': 'console.error("here")',
  'no-unused-expressions': 'export function touch(a: number) { a + 1 }',
  'no-unused-vars': 'const never = 1',
  'no-var': 'export function count() { var n = 1; n += 1; return n }',
  'prefer-const': 'export function one() { let n = 1; return n }',
  'prefer-rest-params': 'export function rest() { return [...arguments] as unknown[] }',
  'prefer-spread': 'export const most = (list: number[]) => Math.max.apply(Math, list)',
  'typescript/await-thenable': 'export const wait = async (n: number) => { await n }',
  'typescript/ban-ts-comment': '// @ts-ignore\nexport const n = 1',
  'typescript/consistent-type-imports': "export const buffer = (b: import('node:buffer').Blob) => b.size",
  'typescript/no-array-delete': 'export const drop = (list: number[]) => { delete list[0] }',
  'typescript/no-base-to-string': 'export const text = (o: { a: number }) => String(o)',
  'typescript/no-duplicate-enum-values': "export declare enum Same { a = 'x', b = 'x' }",
  'typescript/no-duplicate-type-constituents': "export type Twice = 'a' | 'a'",
  'typescript/no-empty-object-type': 'export const f = (a: {}) => [a]',
  'typescript/no-explicit-any': 'export type Whatever = any[]',
  'typescript/no-extra-non-null-assertion': 'export const f = (a: { b: number } | undefined) => a!!.b',
  'typescript/no-floating-promises': 'export const f = (work: () => Promise<void>) => { work() }',
  'typescript/no-for-in-array': 'export const f = (list: number[]) => { for (const i in list) list.push(i.length) }',
  'typescript/no-implied-eval': "export const f = () => { setTimeout('x()', 1) }",
  'typescript/no-misused-new': 'export interface Maker { new (): Maker }',
  'typescript/no-misused-promises': 'export const f = (list: number[], work: (n: number) => Promise<void>) => { list.forEach(async (n) => { await work(n) }) }',
  'typescript/no-namespace': 'export declare namespace Space { const a: number }',
  'typescript/no-non-null-asserted-optional-chain': 'export const f = (a?: { b?: { c: number } }) => (a?.b)!.c',
  'typescript/no-redundant-type-constituents': "export type Text = string | 'a'",
  'typescript/no-require-imports': "export const fs: unknown = require('node:fs')",
  'typescript/no-this-alias': 'export function f(this: { a: number }) { const self = this; return () => self.a }',
  'typescript/no-unnecessary-type-assertion': 'export const f = (a: number) => (a as number) + 1',
  'typescript/no-unnecessary-type-constraint': 'export const f = <T extends unknown>(a: T) => [a]',
  'typescript/no-unsafe-argument': 'export const f = (g: (a: number) => void) => { g(JSON.parse("1")) }',
  'typescript/no-unsafe-assignment': 'export const f = () => { const a = JSON.parse("1"); return [typeof a] }',
  'typescript/no-unsafe-call': 'declare const a: ReturnType<typeof JSON.parse>\nexport const f = () => { a() }',
  'typescript/no-unsafe-declaration-merging': 'export interface Both { a: number }\nexport declare class Both { b: number }',
  'typescript/no-unsafe-enum-comparison': "export declare enum Size { small = 's', large = 'l' }\nexport const f = (a: Size) => a === 's'",
  'typescript/no-unsafe-function-type': 'export const f = (a: Function) => [a]',
  'typescript/no-unsafe-member-access': 'declare const a: ReturnType<typeof JSON.parse>\nexport const f = () => { void a.b }',
  'typescript/no-unsafe-return': 'export const f = (): number => JSON.parse("1")',
  'typescript/no-unsafe-unary-minus': 'export const f = (a: string) => -a',
  'typescript/no-wrapper-object-types': 'export const f = (a: Number) => [a]',
  'typescript/only-throw-error': "export const f = () => { throw 'no' }",
  'typescript/prefer-as-const': "export const f = 'a' as 'a'",
  'typescript/prefer-namespace-keyword': 'declare module Space { const a: number }\nexport const b = Space.a',
  'typescript/prefer-promise-reject-errors': "export const f = () => Promise.reject('no')",
  'typescript/restrict-plus-operands': 'export const f = (a: number, b: bigint | number) => [a, b + (a as number | bigint)]',
  'typescript/restrict-template-expressions': 'export const f = (a: { b: number }) => `${a}`',
  'typescript/switch-exhaustiveness-check': "export function f(a: 'b' | 'c') { switch (a) { case 'b': return 1 } return 2 }",
  'typescript/triple-slash-reference': "/// <reference path=\"./eqeqeq.ts\" />\nexport const f = 1",
  'typescript/unbound-method': "class A { b() { return [this] } }\nexport const f = new A().b",
  'typescript(TS2322)': "export const n: number = 'a'",
  'typescript(TS7006)': 'export const f = (a) => 1',
}

/** What the options of the rules let pass. */
const fine = `
import { describe, it, suite, test } from 'node:test'
describe('a suite', () => { it('has tests', async () => { await Promise.resolve() }) })
test('alone', async () => { await Promise.resolve() })
suite('another', () => {})
export const text = (a: number, b: boolean) => \`\${a} \${b}\`
export async function quick(_unused: string) { return 1 }
export function which(a: 'b' | 'c') { switch (a) { case 'b': return 1; default: return 2 } }
export const forgotten = () => { void Promise.resolve(1) }
`

interface Report { diagnostics: { code?: string; message: string; filename: string }[] }

describe('types and lint', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'twinward-lint-'))
  after(() => { rmSync(dir, { recursive: true }) })
  const config = readFileSync(path.join(root, '.oxlintrc.json'), 'utf8')
  const nameOf = (key: string) => `${key.replace(/\W/g, '-')}.ts`

  const told = (async () => {
    symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'))
    writeFileSync(path.join(dir, '.oxlintrc.json'), config)
    writeFileSync(path.join(dir, 'package.json'), '{ "type": "module" }')
    writeFileSync(path.join(dir, 'tsconfig.json'), readFileSync(path.join(root, 'tsconfig.json'), 'utf8').replace(/"include": \[.*\]/, '"include": ["edge", "test"]'))
    mkdirSync(path.join(dir, 'edge'))
    mkdirSync(path.join(dir, 'test'))
    for (const [key, text] of Object.entries(mistakes)) writeFileSync(path.join(dir, 'edge', nameOf(key)), `${text}\n`)
    writeFileSync(path.join(dir, 'test', 'fine.test.ts'), fine)
    const output = await new Promise<string>((resolve) => {
      execFile(process.execPath, [...lint.args, '--format', 'json'], { cwd: dir, maxBuffer: 1e8 }, (_error, stdout) => { resolve(stdout) })
    })
    const codes = new Map<string, Set<string>>()
    for (const { code = 'no rule', message, filename } of (JSON.parse(output) as Report).diagnostics) {
      const file = path.basename(filename)
      codes.set(file, (codes.get(file) ?? new Set()).add(code === 'no rule' ? message : code))
    }
    return codes
  })()

  for (const key of Object.keys(mistakes)) {
    it(`sees what ${key} is for`, async () => {
      const code = key.includes('(') ? key : key.includes('/') ? key.replace(/\/(.*)$/, '($1)') : `eslint(${key})`
      assert.ok((await told).get(nameOf(key))?.has(code), `told is ${[...(await told).get(nameOf(key)) ?? []].join(', ') || 'nothing'}`)
    })
  }

  it('lets pass what the options allow', async () => {
    assert.deepEqual((await told).get('fine.test.ts'), undefined)
  })

  it('has a mistake here for every rule of ours', () => {
    const { rules } = JSON.parse(config.replaceAll(/^ *\/\/.*$/gm, '')) as { rules: Record<string, unknown> }
    const on = Object.entries(rules).filter(([, level]) => level !== 'off').map(([rule]) => rule)
    assert.deepEqual(on.filter((rule) => mistakes[rule] === undefined), [])
  })
})
