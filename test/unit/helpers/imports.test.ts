import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { importsIn } from '../../helpers/imports.ts'

const specifiers = (text: string, types: boolean) => importsIn('a.ts', text).filter(({ typeOnly }) => typeOnly === types).map(({ specifier }) => specifier)

describe('the imports of a module', () => {
  it('are found however they are written', () => {
    assert.deepEqual(specifiers(`
      import a, { type b, c } from './names.ts'
      import * as d from './all.ts'
      import './effect.ts'
      import {} from './nothing.ts'
      export { e } from './export.ts'
      export * from './export-all.ts'
      export const later = async () => [await import('./later.ts'), await import("./quoted.ts"), await import(\`./template.ts\`)]
      export const f = [a, c, d]
    `, false), ['./names.ts', './all.ts', './effect.ts', './nothing.ts', './export.ts', './export-all.ts', './later.ts', './quoted.ts', './template.ts'])
  })

  it('are told apart where only types are taken', () => {
    assert.deepEqual(specifiers(`
      import type { a } from './types.ts'
      import { type b, type c } from './each.ts'
      import type * as d from './all.ts'
      export type { e } from './export.ts'
      export { type f } from './export-each.ts'
      export type * from './export-all.ts'
      export type G = import('./in-type.ts').G | typeof import('./whole.ts')
    `, true), ['./types.ts', './each.ts', './all.ts', './export.ts', './export-each.ts', './export-all.ts', './in-type.ts', './whole.ts'])
  })

  it('are not what only looks like one', () => {
    assert.deepEqual(importsIn('a.ts', `
      // import './comment.ts'
      export const text = "import './text.ts'", name = './name.ts', part = 'x'
      export const computed = () => [import(name), import(\`./\${part}.ts\`)]
      export { text as again }
    `), [])
  })

  it('are not guessed at where the text is no module', () => {
    assert.throws(() => importsIn('a.ts', "import { from './broken.ts'"), /a\.ts/)
  })
})
