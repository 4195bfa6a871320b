import { readdirSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../setup/paths.mjs'
import { keptBundle } from './kept-bundle.mjs'

/** Programs that others start, beside those in infra/bin. */
const HELPERS = ['activities/models/fit-process.ts', 'infra/dev/aedes-broker.ts']

/**
 * All our programs, bundled: a process that loads its modules through a TypeScript loader takes twice the time. Packages
 * stay outside; source maps lead stack traces back.
 * @returns the bundle's folder
 * @throws Error naming file and line of what cannot be bundled
 */
export function bundlePrograms(top = root) {
  const sources = {
    name: 'programs', top,
    folders: ['registry', 'activities', 'workflows', 'edge', 'api', 'infra'],
    // The lock file holds esbuild's own version.
    files: ['package.json', 'package-lock.json', 'tsconfig.json'],
  }
  return keptBundle(sources, async ({ partial, folder, sources }) => {
    const { build } = await import('esbuild')
    const { metafile } = await build({
      absWorkingDir: top, entryPoints: programs(top), outdir: partial, outbase: top, chunkNames: 'chunks/[name]-[hash]',
      // Split, so that what a program imports when it needs it is loaded only then.
      bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external',
      sourcemap: true, sourcesContent: false, metafile: true, logLevel: 'silent',
      define: { TWINWARD_BUNDLE: JSON.stringify(folder) },
      plugins: [ownMeta(top, sources)],
    })
    return Object.keys(metafile.inputs)
  })
}

/** A file as the bundle knows it: its path from the clone's top. Undefined when it is none of our programs. */
export function programOf(file, top = root) {
  const source = path.relative(top, path.resolve(top, file)).split(path.sep).join('/')
  return programs(top).includes(source) ? source : undefined
}

/** Where a bundle has a program, named by its source from the clone's top. */
export function programIn(bundle, source) {
  return path.join(bundle, source.replace(/\.ts$/, '.js'))
}

function programs(top) {
  try {
    const own = readdirSync(path.join(top, 'infra/bin')).filter((name) => name.endsWith('.ts')).map((name) => `infra/bin/${name}`)
    return [...own, ...HELPERS]
  } catch {
    return []
  }
}

/** In a bundle the meta properties would be those of the output: each source keeps its own, and so its paths. */
function ownMeta(top, sources) {
  const users = [...sources].filter(([name, content]) => /\.(ts|mjs)$/.test(name) && content.includes('import.meta.'))
  return {
    name: 'own-meta',
    setup({ onLoad }) {
      for (const [name, content] of users) {
        const file = path.join(top, name)
        const own = { url: pathToFileURL(file).href, filename: file, dirname: path.dirname(file) }
        onLoad({ filter: new RegExp(`^${file.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`) }, () => ({
          contents: content.toString('utf8').replaceAll(/\bimport\.meta\.(url|filename|dirname)\b/g, (_, property) => JSON.stringify(own[property])),
          loader: name.endsWith('.mjs') ? 'js' : 'ts',
        }))
      }
    },
  }
}
