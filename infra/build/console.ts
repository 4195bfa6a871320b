import { copyFile, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'
import { keptBundle } from './kept-bundle.mjs'

const client = 'api/console/client'

/** The console as browsers load it: index.html and assets/. Returns its folder. */
export function buildConsole(): Promise<string> {
  const sources = { name: 'console', folders: [client, 'registry/domain'], files: ['package-lock.json', 'tsconfig.json'] }
  return keptBundle(sources, async ({ partial, top }) => {
    const assets = path.join(partial, 'assets')
    await mkdir(assets)
    await copyFile(path.join(top, client, 'index.html'), path.join(partial, 'index.html'))
    await copyFile(path.join(top, client, 'icon.svg'), path.join(assets, 'icon.svg'))
    const { metafile } = await build({
      absWorkingDir: top, entryPoints: [`${client}/main.tsx`], outdir: assets,
      bundle: true, minify: true, format: 'esm', target: 'es2022', jsx: 'automatic', jsxImportSource: 'preact', metafile: true, logLevel: 'silent',
    })
    return Object.keys(metafile.inputs)
  })
}
