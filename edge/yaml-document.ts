import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml'
import { refuse } from '../registry/domain/errors.ts'
import type { Problem } from './schema-problems.ts'

/** A YAML (or JSON) text that knows where its parts stand. */
export interface YamlDocument {
  readonly value: unknown
  /** Line (from 1) of what a path names; of the nearest thing around it when that is missing. */
  lineOf(path: readonly PropertyKey[]): number
  /** Each problem as `file:line: where: what`, in the order of their lines. */
  describe(problems: readonly Problem[], root: string): string[]
}

/** Refuses (`invalid`) what is no YAML, with file and line of every mistake. */
export function readYaml(text: string, fileName: string): YamlDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, merge: true, logLevel: 'error' })
  const syntax = document.errors.map((error) => `${fileName}:${lines.linePos(error.pos[0]).line}: ${error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:$/, '')}`)
  if (syntax.length > 0) refuse('invalid', syntax.join('\n'), { file: fileName, problems: syntax })

  const value = valueOf(document, (offset, message) => `${fileName}:${lines.linePos(offset).line}: ${message}`, fileName)
  const startOf = (node: unknown) => (isNode(node) && node.range ? lines.linePos(node.range[0]).line : undefined)
  function lineOf(path: readonly PropertyKey[]): number {
    let node: unknown = document.contents
    let line = 1
    for (const part of path) {
      const found = child(node, part)
      if (!found) break
      line = startOf(found.place) ?? line
      node = found.node
    }
    return line
  }
  return {
    value,
    lineOf,
    describe: (problems, root) => problems
      .map(({ path, message }) => ({ line: lineOf(path), where: nameOf(document.contents, path) || root, message }))
      .sort((a, b) => a.line - b.line)
      .map(({ line, where, message }) => `${fileName}:${line}: ${where}: ${message}`),
  }
}

/** The parser lets aliases and merges pass that come to nothing, and fails over them only when it makes values of them. */
function valueOf(document: Document, at: (offset: number, message: string) => string, fileName: string): unknown {
  const problems: string[] = []
  visit(document, {
    Alias(_key, alias) {
      if (!alias.resolve(document)) problems.push(at(alias.range?.[0] ?? 0, `there is no anchor "&${alias.source}" before the alias "*${alias.source}"; quote the text if it is not meant as an alias`))
    },
  })
  if (problems.length === 0) {
    try {
      return document.toJS() as unknown
    } catch (error) {
      problems.push(`${fileName}: ${error instanceof Error ? error.message : String(error)}; write out what the aliases and "<<" stand for`)
    }
  }
  return refuse('invalid', problems.join('\n'), { file: fileName, problems })
}

/** What a map or list has under a key: the node, and what stands in the line to show. */
function child(node: unknown, part: PropertyKey): { node: unknown; place: Node } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(part)]
    return isNode(item) ? { node: item, place: item } : undefined
  }
  if (!isMap(node)) return undefined
  const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value) : String(key)) === String(part))
  return pair && isNode(pair.key) ? { node: pair.value, place: pair.key } : undefined
}

/** Entries of lists are called by what they call themselves; nobody counts to the 37th tag. */
function nameOf(root: unknown, path: readonly PropertyKey[]): string {
  let node = root
  let name = ''
  for (const part of path) {
    const next = child(node, part)
    const own = isSeq(node) ? ['id', 'tag', 'asset', 'role'].map((key) => child(next?.node, key)?.node).find((value) => isScalar(value)) : undefined
    if (isSeq(node)) name += `[${isScalar(own) ? String(own.value) : Number(part) + 1}]`
    else name += `${name === '' ? '' : '.'}${String(part)}`
    node = next?.node
  }
  return name
}
