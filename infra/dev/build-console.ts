import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
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
  await rm(target, { recursive: true, force: true })
  await rename(fresh, target)
  return target
}
