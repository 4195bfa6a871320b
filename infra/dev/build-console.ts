import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'
import { root } from '../setup/paths.mjs'

const source = path.join(root, 'api/console/client')

/**
 * Bundles the console into `dist/console` (index.html and assets/), a fraction of a second. Written beside and renamed,
 * so that a reader never sees half of it.
 */
export async function buildConsole(target = path.join(root, 'dist/console')): Promise<string> {
  const fresh = `${target}.${process.pid}`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(path.join(fresh, 'assets'), { recursive: true })
  await build({
    entryPoints: [path.join(source, 'main.tsx')],
    outdir: path.join(fresh, 'assets'),
    bundle: true, minify: true, sourcemap: false, format: 'esm', target: 'es2022',
    jsx: 'automatic', jsxImportSource: 'preact', logLevel: 'error',
  })
  await writeFile(path.join(fresh, 'index.html'), await readFile(path.join(source, 'index.html')))
  await writeFile(path.join(fresh, 'assets/icon.svg'), await readFile(path.join(source, 'icon.svg')))
  await takePlace(fresh, target)
  return target
}

/** Another platform may serve the same folder or build it at this moment: what is there already stays as it is. */
async function takePlace(fresh: string, target: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    if (await contentOf(target) === await contentOf(fresh)) return rm(fresh, { recursive: true, force: true })
    await rm(target, { recursive: true, force: true })
    try {
      return await rename(fresh, target)
    } catch (error) {
      if (tries === 5 || !['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}

async function contentOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name)).sort()
  const hash = createHash('sha256')
  for (const file of files) hash.update(path.relative(folder, file)).update('\0').update(await readFile(file).catch(() => '')).update('\0')
  return hash.digest('hex')
}
