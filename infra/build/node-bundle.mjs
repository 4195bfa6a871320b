import path from 'node:path'
import { root } from '../setup/paths.mjs'
import { keptBundle } from './kept-bundle.mjs'
import { ownMeta } from './own-meta.mjs'

const ROOMS = ['registry', 'activities', 'workflows', 'edge', 'api', 'infra']

/**
 * Sources that `node` runs, bundled: a process that loads its modules through a TypeScript loader takes twice the time.
 * Packages stay outside; source maps lead stack traces back.
 * @param beside folders that sources come from, beside the rooms
 * @param entryPoints from the clone's top
 * @param defined what stands for a name in them, of the folder they will lie in
 * @returns the bundle's folder
 * @throws Error naming file and line of what cannot be bundled
 */
export function nodeBundle({ name, beside = [], entryPoints, defined = () => ({}), top = root }) {
  // The lock file holds esbuild's own version.
  const files = ['package.json', 'package-lock.json', 'tsconfig.json']
  return keptBundle({ name, top, folders: [...ROOMS, ...beside], files }, async ({ partial, folder, sources }) => {
    const { build } = await import('esbuild')
    const meta = ownMeta(top, sources)
    const { metafile } = await build({
      absWorkingDir: top, entryPoints: [...entryPoints], outdir: partial, outbase: top, chunkNames: 'chunks/[name]-[hash]',
      // Split, so that what a program imports when it needs it is loaded only then.
      bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external',
      sourcemap: true, sourcesContent: false, metafile: true, logLevel: 'silent',
      define: { ...meta.define, ...defined(folder) },
      plugins: meta.plugins,
    })
    return Object.keys(metafile.inputs)
  })
}

/** Where a bundle has what was made of a source, named from the clone's top. */
export function bundledFile(bundle, source) {
  return path.join(bundle, source.replace(/\.ts$/, '.js'))
}
