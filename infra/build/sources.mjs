import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/**
 * Every file below `folders`, and each of `files`, with its content, in an order of its own. What is not there is left
 * out: that, too, shows in the digest.
 */
export function readSources(top, folders, files = []) {
  const names = [...folders.flatMap((folder) => filesBelow(top, folder)), ...files].sort()
  const sources = new Map()
  for (const name of names) {
    const content = orMissing(() => readFileSync(path.join(top, name)))
    if (content !== undefined) sources.set(name, content)
  }
  return sources
}

/** Over names and contents, and over whatever else decides what is made of them. */
export function digestOf(sources, ...more) {
  const hash = createHash('sha256')
  for (const text of more) hash.update(`${text.length}\0${text}`)
  for (const [name, content] of sources) hash.update(`${name}\0${content.length}\0`).update(content)
  return hash.digest('hex').slice(0, 32)
}

function filesBelow(top, folder) {
  const entries = orMissing(() => readdirSync(path.join(top, folder), { recursive: true, withFileTypes: true })) ?? []
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(top, path.join(entry.parentPath ?? entry.path, entry.name)).split(path.sep).join('/'))
}

function orMissing(read) {
  try {
    return read()
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
