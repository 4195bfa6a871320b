import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { bundleWorkflowCode, type Logger } from '@temporalio/worker'
import { root } from './setup/paths.mjs'

export interface WorkflowBundle { readonly code: string }

const KEPT = 5

/**
 * All workflows as one script, as the Worker wants it. Bundling takes seconds, so the result is kept under the digest
 * of everything that went into it: a restarted worker, and every test, reads it from disk.
 */
export async function workflowBundle(options: { dir?: string; logger?: Logger } = {}): Promise<WorkflowBundle> {
  const dir = options.dir ?? path.join(root, '.cache', 'workflow-bundles')
  const file = path.join(dir, `${await sourceDigest()}.js`)
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept !== undefined) return { code: kept }

  const bundle = await bundleWorkflowCode({
    workflowsPath: path.join(root, 'workflows', 'index.ts'),
    ...(options.logger && { logger: options.logger }),
  })
  await mkdir(dir, { recursive: true })
  // Under another name first: two processes may do this at once, and neither may read half a file.
  const partial = `${file}.${process.pid}`
  await writeFile(partial, bundle.code)
  await rename(partial, file)
  await dropOld(dir, file)
  return { code: bundle.code }
}

/** Over the sources a workflow may import (its own room and the pure core) and the packages' exact versions. */
async function sourceDigest(): Promise<string> {
  const hash = createHash('sha256')
  const files = ['package-lock.json', ...await sourcesUnder('workflows'), ...await sourcesUnder('registry/domain')]
  for (const file of files) {
    const content = await readFile(path.join(root, file))
    hash.update(`${file}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex').slice(0, 32)
}

async function sourcesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(path.join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort()
}

async function dropOld(dir: string, current: string): Promise<void> {
  const files = (await readdir(dir)).filter((name) => name.endsWith('.js')).map((name) => path.join(dir, name))
  const dated = await Promise.all(files.map(async (file) => ({ file, at: (await stat(file).catch(() => undefined))?.mtimeMs ?? 0 })))
  const old = dated.filter(({ file }) => file !== current).sort((a, b) => b.at - a.at).slice(KEPT - 1)
  for (const { file } of old) await rm(file, { force: true })
}
