import { parseSync, Visitor } from 'oxc-parser'

export interface ImportInText {
  readonly specifier: string
  /** Nothing of it is there at run time. */
  readonly typeOnly: boolean
}

/** Whatever a module's text takes from other modules: imports, exports from elsewhere, `import()` of a literal, and types by `import('…')`. */
export function importsIn(file: string, text: string): ImportInText[] {
  const parsed = parseSync(file, text)
  const [error] = parsed.errors
  if (error) throw new Error(`${file}: ${error.message}`)
  const { staticImports, staticExports, dynamicImports } = parsed.module
  const found: ImportInText[] = staticImports.map(({ moduleRequest, entries }) =>
    ({ specifier: moduleRequest.value, typeOnly: entries.length > 0 && entries.every(({ isType }) => isType) }))
  for (const { entries } of staticExports) {
    const from = entries.find(({ moduleRequest }) => moduleRequest !== null)?.moduleRequest
    if (from) found.push({ specifier: from.value, typeOnly: entries.every(({ isType }) => isType) })
  }
  for (const { moduleRequest: { start, end } } of dynamicImports) {
    const literal = /^(['"`])([^$]*)\1$/.exec(text.slice(start, end))?.[2]
    if (literal !== undefined) found.push({ specifier: literal, typeOnly: false })
  }
  // The parser's list has no `import('…')` in types; making the tree is most of the work, and few files have one.
  if (/\bimport\s*\(/.test(text)) {
    new Visitor({ TSImportType: ({ source }) => { found.push({ specifier: source.value, typeOnly: true }) } }).visit(parsed.program)
  }
  return found
}
